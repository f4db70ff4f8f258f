// Questions and answers of RDMA netlink. See rdma-netlink.h.

#include "rdma-netlink.h"

namespace sampler {

namespace {

constexpr unsigned message_type(unsigned command) { return RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, command); }

}  // namespace

Request rdma_device_request() { return {message_type(RDMA_NLDEV_CMD_GET), NLM_F_DUMP}; }

bool read_rdma_device(unsigned type, Bytes body, RdmaDevice& device) {
  std::uint64_t index = 0;
  std::uint64_t ports = 0;
  Bytes name;
  if (type != message_type(RDMA_NLDEV_CMD_GET) || !find_number(body, RDMA_NLDEV_ATTR_DEV_INDEX, index)) return false;
  if (!find_attribute(body, RDMA_NLDEV_ATTR_DEV_NAME, name)) return false;
  // The last port: they count from 1.
  find_number(body, RDMA_NLDEV_ATTR_PORT_INDEX, ports);
  device = {static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(ports), text_of(name)};
  return !device.name.empty();
}

Request rdma_counter_request(std::uint32_t device, std::uint32_t port) {
  Request request(message_type(RDMA_NLDEV_CMD_STAT_GET), 0);
  request.put_number(RDMA_NLDEV_ATTR_DEV_INDEX, device);
  request.put_number(RDMA_NLDEV_ATTR_PORT_INDEX, port);
  return request;
}

bool find_rdma_counters(unsigned type, Bytes body, std::string_view device, std::uint32_t port, Bytes& counters) {
  Bytes name;
  std::uint64_t answered = 0;
  if (type != message_type(RDMA_NLDEV_CMD_STAT_GET)) return false;
  // A device that was renamed is another one to whoever asked for it by name.
  if (!find_attribute(body, RDMA_NLDEV_ATTR_DEV_NAME, name) || text_of(name) != device) return false;
  if (!find_number(body, RDMA_NLDEV_ATTR_PORT_INDEX, answered) || answered != port) return false;
  return find_attribute(body, RDMA_NLDEV_ATTR_STAT_HWCOUNTERS, counters);
}

bool read_rdma_counter(const Attribute& attribute, std::string_view& name, std::uint64_t& value) {
  Bytes text;
  if (attribute.type != RDMA_NLDEV_ATTR_STAT_HWCOUNTER_ENTRY) return false;
  if (!find_attribute(attribute.value, RDMA_NLDEV_ATTR_STAT_HWCOUNTER_ENTRY_NAME, text)) return false;
  name = text_of(text);
  return !name.empty() && find_number(attribute.value, RDMA_NLDEV_ATTR_STAT_HWCOUNTER_ENTRY_VALUE, value);
}

}  // namespace sampler
