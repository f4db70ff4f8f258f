// Asks the kernel which counters there are. See kernel-counters.h.

#include "kernel-counters.h"

#include <linux/dcbnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "ethtool-netlink.h"
#include "rdma-netlink.h"

namespace sampler {

namespace {

constexpr unsigned kPriorities = 8;

struct Device {
  std::string name;
  std::uint32_t index;
  std::uint32_t ports;
};

std::vector<Device> rdma_devices(NetlinkClient& client) {
  std::vector<Device> devices;
  Request request = rdma_device_request();
  const Answer answer = client.ask(request, true, [&](unsigned type, Bytes body) {
    RdmaDevice device;
    if (read_rdma_device(type, body, device)) devices.push_back({std::string(device.name), device.index, device.ports});
  });
  return answer == Answer::kDone ? devices : std::vector<Device>();
}

// Empty for a port whose driver has none.
std::vector<std::string> counters_of(NetlinkClient& client, const Device& device, std::uint32_t port) {
  std::vector<std::string> names;
  Request request = rdma_counter_request(device.index, port);
  client.ask(request, false, [&](unsigned type, Bytes body) {
    Bytes counters;
    if (!find_rdma_counters(type, body, device.name, port, counters)) return;
    Attributes attributes(counters);
    std::string_view name;
    std::uint64_t value = 0;
    for (Attribute attribute; attributes.next(attribute);)
      if (read_rdma_counter(attribute, name, value)) names.emplace_back(name);
  });
  return names;
}

void ask_statistics(NetlinkClient& client, Request request, EthtoolCounters& found) {
  client.ask(request, false, [&](unsigned, Bytes body) {
    read_ethtool_statistics(body, [&](EthtoolGroup group, unsigned attribute, std::uint64_t) {
      auto& numbers = group == EthtoolGroup::kMac ? found.mac : group == EthtoolGroup::kCtrl ? found.ctrl : found.pause;
      if (attribute < kEthtoolAttributes) numbers.push_back(attribute);
    });
  });
}

}  // namespace

std::vector<std::string> rdma_counters(const std::string& device, std::uint32_t port, const OpenSocket& open) {
  NetlinkClient client(NETLINK_RDMA, open);
  if (!client.open()) return {};
  for (const Device& found : rdma_devices(client))
    if (found.name == device && port <= found.ports) return counters_of(client, found, port);
  return {};
}

EthtoolCounters ethtool_counters(const std::string& link, const OpenSocket& open, const AskDriver& ask) {
  EthtoolCounters found;
  NetlinkClient client(NETLINK_GENERIC, open);
  std::uint16_t family = 0;
  if (client.open() && find_ethtool_family(client, family)) {
    ask_statistics(client, ethtool_stats_request(family, link), found);
    ask_statistics(client, ethtool_pause_request(family, link), found);
  }
  EthtoolStrings strings(ask);
  if (strings.read_names(link))
    for (std::size_t position = 0; position < strings.count(); position++) found.strings.emplace_back(strings.name(position));
  return found;
}

std::optional<std::vector<unsigned>> lossless_priorities(const std::string& link, const OpenSocket& open) {
  NetlinkClient client(NETLINK_ROUTE, open);
  if (!client.open()) return std::nullopt;
  Request request(RTM_GETDCB, 0);
  const dcbmsg header{AF_UNSPEC, DCB_CMD_IEEE_GET, 0};
  request.append(&header, sizeof header);
  request.put_text(DCB_ATTR_IFNAME, link);
  std::optional<std::vector<unsigned>> priorities;
  client.ask(request, false, [&](unsigned, Bytes body) { priorities = read_lossless_priorities(body); });
  return priorities;
}

std::optional<std::vector<unsigned>> read_lossless_priorities(Bytes body) {
  Bytes ieee;
  Bytes told;
  ieee_pfc pfc;
  if (!find_attribute(after(body, NLMSG_ALIGN(sizeof(dcbmsg))), DCB_ATTR_IEEE, ieee)) return std::nullopt;
  if (!find_attribute(ieee, DCB_ATTR_IEEE_PFC, told) || told.size < sizeof pfc) return std::nullopt;
  std::memcpy(&pfc, told.at, sizeof pfc);
  std::vector<unsigned> priorities;
  for (unsigned priority = 0; priority < kPriorities; priority++)
    if ((pfc.pfc_en >> priority & 1) != 0) priorities.push_back(priority);
  return priorities;
}

}  // namespace sampler
