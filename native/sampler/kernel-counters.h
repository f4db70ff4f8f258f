// Which counters the kernel knows of, asked when a port is found: counters of RDMA ports, statistics of an interface by ethtool, and its
// lossless priorities. No device, no such interface and no answer are all the same: nothing.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ethtool-strings.h"
#include "netlink.h"

namespace sampler {

struct EthtoolCounters {
  // Numbers of attributes: of eth-mac, eth-ctrl, and pauses.
  std::vector<unsigned> mac;
  std::vector<unsigned> ctrl;
  std::vector<unsigned> pause;
  std::vector<std::string> strings;
};

// Of one port: it costs a round of firmware commands.
std::vector<std::string> rdma_counters(const std::string& device, std::uint32_t port, const OpenSocket& open = open_netlink_socket);
EthtoolCounters ethtool_counters(const std::string& link, const OpenSocket& open = open_netlink_socket, const AskDriver& ask = ask_driver);
// Priorities for which PFC is on (IEEE 802.1Qaz, by DCB), ascending; nothing where the interface does not tell.
std::optional<std::vector<unsigned>> lossless_priorities(const std::string& link, const OpenSocket& open = open_netlink_socket);
// What the kernel's answer to that says.
std::optional<std::vector<unsigned>> read_lossless_priorities(Bytes body);

}  // namespace sampler
