// Reads statistics of interfaces by ethtool. An interface that gives no answer is asked again after a while, as every source does.

#include "ethtool-source.h"

#include <algorithm>
#include <utility>

namespace sampler {

EthtoolSource::EthtoolSource(std::vector<EthtoolStatistic> statistics, OpenSocket open, Now now)
    : Source(statistics.size(), 0), now_(now), client_(NETLINK_GENERIC, std::move(open)) {
  for (std::size_t i = 0; i < statistics.size(); i++) {
    const EthtoolStatistic& statistic = statistics[i];
    Link& link = link_of(statistic.link);
    link.readings[static_cast<std::size_t>(statistic.group)].at(statistic.attribute) = static_cast<int>(i);
    Question& question = link.questions[statistic.group == EthtoolGroup::kPause ? 1 : 0];
    question.is_wanted = true;
    window_of_[i] = static_cast<std::uint32_t>(question.window);
  }
  windows_.resize(2 * links_.size());
}

EthtoolSource::Link& EthtoolSource::link_of(const std::string& name) {
  for (auto& link : links_)
    if (link.name == name) return link;
  Link& link = links_.emplace_back();
  link.name = name;
  const std::size_t window = 2 * (links_.size() - 1);
  link.questions = {Question{ethtool_stats_request, window}, Question{ethtool_pause_request, window + 1}};
  for (auto& group : link.readings) group.fill(kUnwanted);
  return link;
}

void EthtoolSource::read() {
  const double now_ns = now_();
  know_nothing();
  for (auto& link : links_)
    for (auto& question : link.questions)
      if (question.is_wanted && now_ns >= question.retry_ns && open(now_ns)) read_link(link, question);
}

bool EthtoolSource::open(double now_ns) {
  if (client_.is_open()) return true;
  if (now_ns < retry_ns_) return false;
  retry_ns_ = now_ns + kRetryNs;
  if (!client_.open()) return false;
  if (!find_ethtool_family(client_, family_)) client_.close();
  return client_.is_open();
}

void EthtoolSource::read_link(const Link& link, Question& question) {
  if (ask(link, question) != Answer::kDone) question.retry_ns = now_() + kRetryNs;
}

Answer EthtoolSource::ask(const Link& link, const Question& question) {
  ReadWindow& window = windows_[question.window];
  Request request = question.request(family_, link.name);
  window.begin_ns = now_();
  return client_.ask(request, false, [&](unsigned, Bytes body) {
    window.end_ns = now_();
    read_ethtool_statistics(body, [&](EthtoolGroup group, unsigned attribute, std::uint64_t value) {
      const int index = attribute < kEthtoolAttributes ? link.readings[static_cast<std::size_t>(group)][attribute] : kUnwanted;
      if (index != kUnwanted) know(static_cast<std::size_t>(index), value);
    });
  });
}

EthtoolStringSource::EthtoolStringSource(std::vector<EthtoolString> strings, AskDriver ask, Now now)
    : Source(strings.size(), 0), now_(now), strings_(std::move(ask)) {
  for (std::size_t i = 0; i < strings.size(); i++) {
    auto& [name, counter] = strings[i];
    auto link = std::find_if(links_.begin(), links_.end(), [&](const Link& one) { return one.name == name; });
    if (link == links_.end()) link = links_.insert(links_.end(), Link{name, {}, 0});
    link->wanted.push_back({i, std::move(counter), 0});
    window_of_[i] = static_cast<std::uint32_t>(link - links_.begin());
  }
  windows_.resize(links_.size());
}

void EthtoolStringSource::read() {
  const double now_ns = now_();
  know_nothing();
  for (std::size_t i = 0; i < links_.size(); i++)
    if (now_ns >= links_[i].retry_ns) read_link(links_[i], windows_[i]);
}

// Names are read every time, which asks no firmware: rows come and go with the settings of flow control, and one that is taken for its neighbour would
// be a thousand pauses that never were.
void EthtoolStringSource::read_link(Link& link, ReadWindow& window) {
  if (!strings_.read_names(link.name)) {
    link.retry_ns = now_() + kRetryNs;
    return;
  }
  window.begin_ns = now_();
  if (!strings_.read_values(link.name)) return;
  window.end_ns = now_();
  for (auto& wanted : link.wanted)
    if (find(wanted)) know(wanted.reading, strings_.value(wanted.position));
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
