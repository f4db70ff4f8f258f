// Reads statistics of interfaces by ethtool. An interface that gives no answer is asked again after a while, as every source does.

#include "ethtool-source.h"

#include <algorithm>
#include <utility>

namespace sampler {

EthtoolSource::EthtoolSource(std::vector<EthtoolStatistic> statistics, OpenSocket open, Now now)
    : Source(statistics.size()), now_(now), client_(NETLINK_GENERIC, std::move(open)) {
  for (std::size_t i = 0; i < statistics.size(); i++) {
    const EthtoolStatistic& statistic = statistics[i];
    Link& link = link_of(statistic.link);
    link.readings[static_cast<std::size_t>(statistic.group)].at(statistic.attribute) = static_cast<int>(i);
    (statistic.group == EthtoolGroup::kPause ? link.wants_pause : link.wants_stats) = true;
  }
}

EthtoolSource::Link& EthtoolSource::link_of(const std::string& name) {
  for (auto& link : links_)
    if (link.name == name) return link;
  Link& link = links_.emplace_back();
  link.name = name;
  for (auto& group : link.readings) group.fill(kUnwanted);
  return link;
}

void EthtoolSource::read() {
  const double now_ns = now_();
  for (auto& reading : readings_) {
    reading.is_known = false;
    reading.begin_ns = reading.end_ns = now_ns;
  }
  for (auto& link : links_)
    if (now_ns >= link.retry_ns && open(now_ns)) read_link(link);
}

bool EthtoolSource::open(double now_ns) {
  if (client_.is_open()) return true;
  if (now_ns < retry_ns_) return false;
  retry_ns_ = now_ns + kRetryNs;
  if (!client_.open()) return false;
  if (!find_ethtool_family(client_, family_)) client_.close();
  return client_.is_open();
}

void EthtoolSource::read_link(Link& link) {
  const Answer stats = link.wants_stats ? ask(ethtool_stats_request(family_, link.name), link) : Answer::kDone;
  const Answer pause = link.wants_pause ? ask(ethtool_pause_request(family_, link.name), link) : Answer::kDone;
  if (stats != Answer::kDone || pause != Answer::kDone) link.retry_ns = now_() + kRetryNs;
}

Answer EthtoolSource::ask(Request request, const Link& link) {
  const double begin_ns = now_();
  return client_.ask(request, false, [&](unsigned, Bytes body) {
    const double end_ns = now_();
    read_ethtool_statistics(body, [&](EthtoolGroup group, unsigned attribute, std::uint64_t value) {
      const int index = attribute < kEthtoolAttributes ? link.readings[static_cast<std::size_t>(group)][attribute] : kUnwanted;
      if (index != kUnwanted) readings_[static_cast<std::size_t>(index)] = {true, value, begin_ns, end_ns};
    });
  });
}

EthtoolStringSource::EthtoolStringSource(std::vector<EthtoolString> strings, AskDriver ask, Now now)
    : Source(strings.size()), now_(now), strings_(std::move(ask)) {
  for (std::size_t i = 0; i < strings.size(); i++) {
    auto& [name, counter] = strings[i];
    auto link = std::find_if(links_.begin(), links_.end(), [&](const Link& one) { return one.name == name; });
    if (link == links_.end()) link = links_.insert(links_.end(), Link{name, {}, 0});
    link->wanted.push_back({i, std::move(counter), 0});
  }
}

void EthtoolStringSource::read() {
  const double now_ns = now_();
  for (auto& reading : readings_) {
    reading.is_known = false;
    reading.begin_ns = reading.end_ns = now_ns;
  }
  for (auto& link : links_)
    if (now_ns >= link.retry_ns) read_link(link);
}

// Names are read every time, which asks no firmware: rows come and go with the settings of flow control, and one that is taken for its neighbour would
// be a thousand pauses that never were.
void EthtoolStringSource::read_link(Link& link) {
  if (!strings_.read_names(link.name)) {
    link.retry_ns = now_() + kRetryNs;
    return;
  }
  const double begin_ns = now_();
  if (!strings_.read_values(link.name)) return;
  const double end_ns = now_();
  for (auto& wanted : link.wanted)
    if (find(wanted)) readings_[wanted.reading] = {true, strings_.value(wanted.position), begin_ns, end_ns};
}

bool EthtoolStringSource::find(Wanted& wanted) const {
  if (wanted.position < strings_.count() && strings_.name(wanted.position) == wanted.name) return true;
  for (std::size_t position = 0; position < strings_.count(); position++) {
    if (strings_.name(position) != wanted.name) continue;
    wanted.position = position;
    return true;
  }
  return false;
}

}  // namespace sampler
