// Questions and answers of ethtool netlink. See ethtool-netlink.h.

#include "ethtool-netlink.h"

#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>

namespace sampler {

namespace {

void put_header(Request& request, unsigned type, std::string_view link, std::uint32_t flags) {
  const std::size_t header = request.begin(type);
  request.put_text(ETHTOOL_A_HEADER_DEV_NAME, link);
  if (flags != 0) request.put_number(ETHTOOL_A_HEADER_FLAGS, flags);
  request.end(header);
}

Request generic_request(unsigned type, std::uint8_t command, std::uint8_t version) {
  Request request(type, 0);
  const genlmsghdr header{command, version, 0};
  request.append(&header, sizeof header);
  return request;
}

bool is_command(Bytes body, std::uint8_t command, Bytes& attributes) {
  genlmsghdr header;
  if (body.size < sizeof header) return false;
  std::memcpy(&header, body.at, sizeof header);
  attributes = after(body, GENL_HDRLEN);
  return header.cmd == command;
}

}  // namespace

bool find_ethtool_family(NetlinkClient& client, std::uint16_t& family) {
  Request request = generic_request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
  request.put_text(CTRL_ATTR_FAMILY_NAME, ETHTOOL_GENL_NAME);
  std::uint64_t found = 0;
  client.ask(request, false, [&](unsigned, Bytes body) {
    Bytes attributes;
    if (!is_command(body, CTRL_CMD_NEWFAMILY, attributes) || !find_number(attributes, CTRL_ATTR_FAMILY_ID, found)) found = 0;
  });
  family = static_cast<std::uint16_t>(found);
  return family >= GENL_MIN_ID;
}

Request ethtool_stats_request(std::uint16_t family, std::string_view link) {
  Request request = generic_request(family, ETHTOOL_MSG_STATS_GET, ETHTOOL_GENL_VERSION);
  put_header(request, ETHTOOL_A_STATS_HEADER, link, 0);
  const std::uint32_t wanted = 1U << ETHTOOL_STATS_ETH_MAC | 1U << ETHTOOL_STATS_ETH_CTRL;
  const std::size_t groups = request.begin(ETHTOOL_A_STATS_GROUPS);
  request.put(ETHTOOL_A_BITSET_NOMASK, nullptr, 0);
  request.put_number(ETHTOOL_A_BITSET_SIZE, ETHTOOL_STATS_ETH_CTRL + 1);
  request.put_number(ETHTOOL_A_BITSET_VALUE, wanted);
  request.end(groups);
  return request;
}

Request ethtool_pause_request(std::uint16_t family, std::string_view link) {
  Request request = generic_request(family, ETHTOOL_MSG_PAUSE_GET, ETHTOOL_GENL_VERSION);
  put_header(request, ETHTOOL_A_PAUSE_HEADER, link, ETHTOOL_FLAG_STATS);
  return request;
}

bool is_ethtool_stats(Bytes body, Bytes& attributes) { return is_command(body, ETHTOOL_MSG_STATS_GET_REPLY, attributes); }

bool is_ethtool_pause(Bytes body, Bytes& attributes) { return is_command(body, ETHTOOL_MSG_PAUSE_GET_REPLY, attributes); }

bool is_stats_nest(const Attribute& attribute) { return attribute.type == ETHTOOL_A_STATS_GRP; }

bool find_stats_group(Bytes nest, EthtoolGroup& group) {
  std::uint64_t id = 0;
  if (!find_number(nest, ETHTOOL_A_STATS_GRP_ID, id)) return false;
  group = id == ETHTOOL_STATS_ETH_CTRL ? EthtoolGroup::kCtrl : EthtoolGroup::kMac;
  return id == ETHTOOL_STATS_ETH_CTRL || id == ETHTOOL_STATS_ETH_MAC;
}

// A nest with one attribute in it, whose type is the statistic's number, from 0.
bool read_statistic(const Attribute& attribute, unsigned& number, std::uint64_t& value) {
  Attribute statistic;
  if (attribute.type != ETHTOOL_A_STATS_GRP_STAT || !Attributes(attribute.value).next(statistic)) return false;
  number = statistic.type;
  return number_of(statistic.value, value);
}

bool find_pauses(Bytes attributes, Bytes& pauses) { return find_attribute(attributes, ETHTOOL_A_PAUSE_STATS, pauses); }

}  // namespace sampler
