// Interfaces with statistics, and what ethtool netlink, DCB and the drivers' ioctl say of them.

#pragma once

#include <linux/dcbnl.h>
#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "netlink-server.h"

namespace test {

constexpr std::uint16_t kFamily = 21;

struct Link {
  // By number of the attribute.
  std::map<unsigned, std::uint64_t> mac;
  std::map<unsigned, std::uint64_t> ctrl;
  std::map<unsigned, std::uint64_t> pause;
  // Numbers of four bytes where that is enough, as newer kernels write them.
  bool is_narrow = false;
  int error = 0;
  // Bits of priorities; -1 where DCB does not tell.
  int lossless = -1;
  // To this question alone.
  int pause_error = 0;
};

struct EthtoolWorld {
  std::map<std::string, Link> links;
  bool has_family = true;
};

inline std::string number_attribute(const Link& link, unsigned type, std::uint64_t value) {
  const bool fits = link.is_narrow && value <= UINT32_MAX;
  return attribute(type, fits ? bytes_of(static_cast<std::uint32_t>(value)) : bytes_of(value));
}

inline std::string stats_group(const Link& link, std::uint32_t id, const std::map<unsigned, std::uint64_t>& statistics) {
  std::string nest = attribute(ETHTOOL_A_STATS_GRP_ID, bytes_of(id)) + attribute(ETHTOOL_A_STATS_GRP_SS_ID, bytes_of(std::uint32_t{17}));
  for (const auto& [number, value] : statistics) nest += attribute(ETHTOOL_A_STATS_GRP_STAT | NLA_F_NESTED, number_attribute(link, number, value));
  return attribute(ETHTOOL_A_STATS_GRP | NLA_F_NESTED, nest);
}

inline std::string stats_body(const Link& link, const std::string& name) {
  const std::string header = attribute(ETHTOOL_A_STATS_HEADER | NLA_F_NESTED, text_attribute(ETHTOOL_A_HEADER_DEV_NAME, name));
  // A group that nobody asked for.
  const std::string other = attribute(ETHTOOL_A_STATS_GRP | NLA_F_NESTED, attribute(ETHTOOL_A_STATS_GRP_ID, bytes_of(std::uint32_t{ETHTOOL_STATS_RMON})) +
                                                                              attribute(ETHTOOL_A_STATS_GRP_HIST_RX | NLA_F_NESTED, "what"));
  return bytes_of(genlmsghdr{ETHTOOL_MSG_STATS_GET_REPLY, 1, 0}) + header + other + stats_group(link, ETHTOOL_STATS_ETH_MAC, link.mac) +
         stats_group(link, ETHTOOL_STATS_ETH_CTRL, link.ctrl);
}

inline std::string pause_body(const Link& link, const std::string& name) {
  std::string pauses;
  for (const auto& [number, value] : link.pause) pauses += attribute(ETHTOOL_A_PAUSE_STAT_PAD, "") + number_attribute(link, number, value);
  return bytes_of(genlmsghdr{ETHTOOL_MSG_PAUSE_GET_REPLY, 1, 0}) + attribute(ETHTOOL_A_PAUSE_HEADER | NLA_F_NESTED, text_attribute(ETHTOOL_A_HEADER_DEV_NAME, name)) +
         attribute(ETHTOOL_A_PAUSE_RX, bytes_of(std::uint8_t{1})) + attribute(ETHTOOL_A_PAUSE_STATS | NLA_F_NESTED, pauses);
}

inline std::string dcb_body(const Link& link, const std::string& name) {
  ieee_pfc pfc{};
  pfc.pfc_en = static_cast<std::uint8_t>(link.lossless);
  return bytes_of(dcbmsg{AF_UNSPEC, DCB_CMD_IEEE_GET, 0}) + text_attribute(DCB_ATTR_IFNAME, name) +
         attribute(DCB_ATTR_IEEE | NLA_F_NESTED, attribute(DCB_ATTR_IEEE_ETS, "ets") + attribute(DCB_ATTR_IEEE_PFC, bytes_of(pfc)));
}

// The text of an attribute within another one, behind a header.
inline std::string asked_text(const std::string& body, std::size_t header, unsigned outer, unsigned inner) {
  sampler::Bytes value = sampler::after({body.data(), body.size()}, header);
  if (outer != 0 && !sampler::find_attribute(value, outer, value)) return "";
  return sampler::find_attribute(value, inner, value) ? std::string(sampler::text_of(value)) : "";
}

inline std::vector<std::string> answer_link(const EthtoolWorld& world, const nlmsghdr& header, const std::string& name, std::string (*body_of)(const Link&, const std::string&)) {
  const auto link = world.links.find(name);
  if (link == world.links.end()) return {error_message(header.nlmsg_seq, ENODEV)};
  if (link->second.error != 0) return {error_message(header.nlmsg_seq, link->second.error)};
  return {message(header.nlmsg_type, header.nlmsg_seq, body_of(link->second, name))};
}

// What the kernel would say.
inline std::vector<std::string> answer_ethtool(const EthtoolWorld& world, const nlmsghdr& header, const std::string& body) {
  const auto command = static_cast<std::uint8_t>(body.empty() ? 0 : body[0]);
  if (header.nlmsg_type == RTM_GETDCB) {
    const std::string name = asked_text(body, sizeof(dcbmsg), 0, DCB_ATTR_IFNAME);
    const auto link = world.links.find(name);
    if (link != world.links.end() && link->second.lossless < 0) return {error_message(header.nlmsg_seq, EOPNOTSUPP)};
    return answer_link(world, header, name, dcb_body);
  }
  if (header.nlmsg_type == GENL_ID_CTRL) {
    if (!world.has_family || asked_text(body, GENL_HDRLEN, 0, CTRL_ATTR_FAMILY_NAME) != ETHTOOL_GENL_NAME) return {error_message(header.nlmsg_seq, ENOENT)};
    const std::string family = text_attribute(CTRL_ATTR_FAMILY_NAME, ETHTOOL_GENL_NAME) + attribute(CTRL_ATTR_FAMILY_ID, bytes_of(kFamily));
    return {message(GENL_ID_CTRL, header.nlmsg_seq, bytes_of(genlmsghdr{CTRL_CMD_NEWFAMILY, 2, 0}) + family)};
  }
  if (header.nlmsg_type == kFamily && command == ETHTOOL_MSG_STATS_GET)
    return answer_link(world, header, asked_text(body, GENL_HDRLEN, ETHTOOL_A_STATS_HEADER, ETHTOOL_A_HEADER_DEV_NAME), stats_body);
  if (header.nlmsg_type == kFamily && command == ETHTOOL_MSG_PAUSE_GET) {
    const std::string name = asked_text(body, GENL_HDRLEN, ETHTOOL_A_PAUSE_HEADER, ETHTOOL_A_HEADER_DEV_NAME);
    const auto link = world.links.find(name);
    if (link != world.links.end() && link->second.pause_error != 0) return {error_message(header.nlmsg_seq, link->second.pause_error)};
    return answer_link(world, header, name, pause_body);
  }
  return {error_message(header.nlmsg_seq, EOPNOTSUPP)};
}

// A driver behind the ioctl, with statistics that may change between two commands.
struct Driver {
  std::map<std::string, std::vector<std::pair<std::string, std::uint64_t>>> links;
  // Refuses to write another number than it was asked for, as newer kernels do.
  bool is_careful = true;
  // Called before a command is answered.
  std::function<void(std::uint32_t command)> before;
  unsigned commands = 0;

  int operator()(const char* link, void* command) {
    std::uint32_t what;
    std::memcpy(&what, command, sizeof what);
    commands++;
    if (before) before(what);
    const auto found = links.find(link);
    if (found == links.end()) return ENODEV;
    const auto& statistics = found->second;
    char* bytes = static_cast<char*>(command);
    const auto count = static_cast<std::uint32_t>(statistics.size());
    if (what == ETHTOOL_GSSET_INFO) {
      if (statistics.empty()) return EOPNOTSUPP;
      std::memcpy(bytes + sizeof(ethtool_sset_info), &count, sizeof count);
      return 0;
    }
    // Where the number stands in either header.
    const std::size_t at = what == ETHTOOL_GSTRINGS ? offsetof(ethtool_gstrings, len) : offsetof(ethtool_stats, n_stats);
    std::uint32_t asked_count;
    std::memcpy(&asked_count, bytes + at, sizeof asked_count);
    const std::uint32_t given = is_careful && asked_count != count ? 0 : count;
    std::memcpy(bytes + at, &given, sizeof given);
    std::size_t to = what == ETHTOOL_GSTRINGS ? sizeof(ethtool_gstrings) : sizeof(ethtool_stats);
    for (std::uint32_t i = 0; i < given; i++) {
      char name[ETH_GSTRING_LEN] = {};
      std::memcpy(name, statistics[i].first.data(), std::min<std::size_t>(statistics[i].first.size(), sizeof name));
      const std::size_t size = what == ETHTOOL_GSTRINGS ? sizeof name : sizeof(std::uint64_t);
      std::memcpy(bytes + to, what == ETHTOOL_GSTRINGS ? name : reinterpret_cast<const char*>(&statistics[i].second), size);
      to += size;
    }
    return 0;
  }
};

}  // namespace test
