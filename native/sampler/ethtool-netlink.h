// What ethtool netlink is asked, and how its answers are read: the standard statistics of an interface's port, and its pauses. Kernel headers
// linux/ethtool_netlink.h and linux/genetlink.h; the kernel's Documentation/networking/ethtool-netlink.rst, STATS_GET and PAUSE_GET.

#pragma once

#include <cstdint>
#include <string_view>

#include "netlink.h"

namespace sampler {

enum class EthtoolGroup : unsigned { kMac = 0, kCtrl = 1, kPause = 2 };
constexpr std::size_t kEthtoolGroups = 3;
// The largest group has 22 attributes.
constexpr unsigned kEthtoolAttributes = 32;

// Finds the number of the family `ethtool`; false where there is none.
bool find_ethtool_family(NetlinkClient& client, std::uint16_t& family);

// Statistics of the groups eth-mac and eth-ctrl, by one message.
Request ethtool_stats_request(std::uint16_t family, std::string_view link);
// The same message with pauses.
Request ethtool_pause_request(std::uint16_t family, std::string_view link);

// Calls `take(group, attribute, value)` for every statistic of an answer of either kind.
template <typename Take>
void read_ethtool_statistics(Bytes body, Take take);

// The body of a generic message behind its header, when it is an answer to the question.
bool is_ethtool_stats(Bytes body, Bytes& attributes);
bool is_ethtool_pause(Bytes body, Bytes& attributes);
// The group that a nest of statistics belongs to; false for one that is not known here.
bool find_stats_group(Bytes nest, EthtoolGroup& group);
// One statistic of such a nest; false for what is none.
bool read_statistic(const Attribute& attribute, unsigned& number, std::uint64_t& value);
// The nest of pauses in an answer.
bool find_pauses(Bytes attributes, Bytes& pauses);
bool is_stats_nest(const Attribute& attribute);

template <typename Take>
void read_ethtool_statistics(Bytes body, Take take) {
  Bytes attributes;
  Bytes pauses;
  if (is_ethtool_stats(body, attributes)) {
    Attributes nests(attributes);
    for (Attribute nest; nests.next(nest);) {
      EthtoolGroup group;
      if (!is_stats_nest(nest) || !find_stats_group(nest.value, group)) continue;
      Attributes statistics(nest.value);
      unsigned number = 0;
      std::uint64_t value = 0;
      for (Attribute statistic; statistics.next(statistic);)
        if (read_statistic(statistic, number, value)) take(group, number, value);
    }
  } else if (is_ethtool_pause(body, attributes) && find_pauses(attributes, pauses)) {
    Attributes statistics(pauses);
    std::uint64_t value = 0;
    // The numbers below are room for alignment.
    for (Attribute statistic; statistics.next(statistic);)
      if (statistic.type > 1 && number_of(statistic.value, value)) take(EthtoolGroup::kPause, statistic.type, value);
  }
}

}  // namespace sampler
