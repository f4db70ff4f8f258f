// How often a source is read. See pace.h.

#include "pace.h"

#include <algorithm>
#include <cmath>

namespace sampler {

namespace {

// Readings are judged every so many, so that one in a hundred may be late; after this long a few must do, and at once when they have used up the share of
// this long. The longest of a hundred does not count then either: it may have waited for somebody else.
constexpr std::uint64_t kJudgedReadings = 100;
constexpr std::uint64_t kJudgedReadingsMin = 8;
constexpr double kJudgeEveryNs = 1e9;
constexpr double kJudgeAfterNs = 10e9;
// Below this share of what governs now, the source may be read more often again: a limit near a whole tick does not swing.
constexpr double kRelief = 0.8;
// Whatever a reading took: what is read more seldom has no reading in its window, and would not soon be judged again.
constexpr double kGovernedMaxNs = 60e9;
// Refreshes are seen to within a quarter.
constexpr double kReadingsPerRefresh = 4;

}  // namespace

Pace::Pace(const SourceRules& rules, double tick_ns) : rules_(rules), tick_ns_(tick_ns) {}

double Pace::period_ns(double now_ns) const {
  double ns = rules_.period_ns;
  if (now_ns < escalated_until_ns_) ns = rules_.escalated_period_ns;
  else if (is_begun_ && now_ns - busy_ns_ >= kIdleAfterNs) ns = rules_.idle_period_ns;
  ns = std::max({ns, governed_ns_, refresh_ns_ / kReadingsPerRefresh});
  return std::max(1.0, std::ceil(ns / tick_ns_)) * tick_ns_;
}

bool Pace::note_reading(double now_ns, double read_ns) {
  if (!is_begun_) {
    is_begun_ = true;
    busy_ns_ = judged_ns_ = now_ns;
  }
  add(read_ns);
  if (!is_judged(now_ns)) return false;
  const double needed_ns = std::min(kGovernedMaxNs, read_.quantile(0.99) / rules_.max_duty);
  if (needed_ns > governed_ns_ || needed_ns < kRelief * governed_ns_) governed_ns_ = needed_ns;
  judged_ns_ = now_ns;
  read_.clear();
  return true;
}

void Pace::add(double read_ns) {
  const bool is_kept = ++since_longest_ < static_cast<double>(kJudgedReadings);
  if (is_kept && read_ns <= longest_ns_) return read_.add(read_ns);
  if (is_kept) read_.add(longest_ns_);
  longest_ns_ = read_ns;
  since_longest_ = 0;
}

bool Pace::is_judged(double now_ns) const {
  if (read_.count() < kJudgedReadingsMin) return false;
  const double passed_ns = now_ns - judged_ns_;
  const bool is_enough = read_.count() >= kJudgedReadings && passed_ns >= kJudgeEveryNs;
  return is_enough || passed_ns >= kJudgeAfterNs || read_.sum() >= rules_.max_duty * kJudgeAfterNs;
}

}  // namespace sampler
