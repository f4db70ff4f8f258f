// Devices with ports and counters, and what RDMA netlink says of them: for one end of the conversation in netlink-server.h.

#pragma once

#include <rdma/rdma_netlink.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "netlink-server.h"

namespace test {

struct World {
  struct Port {
    std::vector<std::pair<std::string, std::uint64_t>> counters;
    // Instead of counters.
    int error = 0;
  };
  struct Device {
    std::string name;
    std::uint32_t index;
    std::vector<Port> ports;
  };
  std::vector<Device> devices;
  // Attributes that nobody knows, between those that are known.
  bool is_noisy = false;
  // Each device in a datagram of its own.
  bool is_split = false;
};

constexpr unsigned kGet = RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_GET);
constexpr unsigned kStatGet = RDMA_NL_GET_TYPE(RDMA_NL_NLDEV, RDMA_NLDEV_CMD_STAT_GET);
constexpr unsigned kUnknown = 1000;

inline std::string noise(const World& world) {
  return world.is_noisy ? attribute(kUnknown, "noise") + attribute(kUnknown + 1, attribute(kUnknown, "")) : "";
}

inline std::string device_attributes(const World& world, const World::Device& device) {
  return noise(world) + attribute(RDMA_NLDEV_ATTR_DEV_INDEX, bytes_of(device.index)) + text_attribute(RDMA_NLDEV_ATTR_DEV_NAME, device.name);
}

inline std::string counter_attribute(const std::string& name, std::uint64_t value) {
  return attribute(RDMA_NLDEV_ATTR_STAT_HWCOUNTER_ENTRY | NLA_F_NESTED, text_attribute(RDMA_NLDEV_ATTR_STAT_HWCOUNTER_ENTRY_NAME, name) +
                                                                            attribute(RDMA_NLDEV_ATTR_STAT_HWCOUNTER_ENTRY_VALUE, bytes_of(value)));
}

inline std::string port_body(const World& world, const World::Device& device, std::uint32_t number) {
  std::string counters;
  for (const auto& [name, value] : device.ports[number - 1].counters) counters += noise(world) + counter_attribute(name, value);
  return device_attributes(world, device) + attribute(RDMA_NLDEV_ATTR_PORT_INDEX, bytes_of(number)) +
         attribute(RDMA_NLDEV_ATTR_STAT_HWCOUNTERS | NLA_F_NESTED, counters) + noise(world);
}

inline std::vector<std::string> answer_devices(const World& world, std::uint32_t sequence) {
  std::vector<std::string> parts(1);
  for (const auto& device : world.devices) {
    if (world.is_split) parts.emplace_back();
    parts.back() += message(kGet, sequence, device_attributes(world, device) + attribute(RDMA_NLDEV_ATTR_PORT_INDEX, bytes_of(static_cast<std::uint32_t>(device.ports.size()))));
  }
  if (world.is_split) parts.emplace_back();
  parts.back() += done_message(sequence);
  if (parts.front().empty()) parts.erase(parts.begin());
  return parts;
}

inline std::uint32_t asked(const std::string& body, unsigned type) {
  std::uint64_t number = 0;
  sampler::find_number({body.data(), body.size()}, type, number);
  return static_cast<std::uint32_t>(number);
}

// What the kernel would say; an unknown device and an unknown port are invalid arguments there.
inline std::vector<std::string> answer_rdma(const World& world, const nlmsghdr& header, const std::string& body) {
  if (header.nlmsg_type == kGet) return answer_devices(world, header.nlmsg_seq);
  const std::uint32_t index = asked(body, RDMA_NLDEV_ATTR_DEV_INDEX);
  const std::uint32_t port = asked(body, RDMA_NLDEV_ATTR_PORT_INDEX);
  for (const auto& device : world.devices) {
    if (device.index != index || port < 1 || port > device.ports.size()) continue;
    if (device.ports[port - 1].error != 0) return {error_message(header.nlmsg_seq, device.ports[port - 1].error)};
    return {message(kStatGet, header.nlmsg_seq, port_body(world, device, port))};
  }
  return {error_message(header.nlmsg_seq, EINVAL)};
}

}  // namespace test
