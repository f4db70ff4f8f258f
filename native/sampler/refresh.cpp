// Learns the refresh period from the gaps between changes. See refresh.h.

#include "refresh.h"

#include <algorithm>

namespace sampler {

namespace {

constexpr double kNearPeriods = 1.5;
constexpr double kRefreshMaxNs = 2e9;
constexpr unsigned kGapsNeeded = 8;
constexpr double kShortestShare = 0.5;
constexpr double kLongestShare = 1.5;
constexpr double kHoldPeriods = 20;
constexpr double kHoldMaxNs = 1e8;
constexpr double kTellingShare = 0.01;
constexpr double kTellingCounts = 16;

}  // namespace

Refresh::Refresh(const CounterRules& counter, double period_ns)
    : is_learning_(counter.learns_refresh),
      has_line_rate_(counter.line_rate > 0),
      is_known_(!counter.learns_refresh),
      ns_(!counter.learns_refresh ? counter.refresh_ns : counter.line_rate > 0 ? kRefreshAssumedNs : 0),
      period_ns_(period_ns),
      telling_rate_(kTellingShare * counter.line_rate),
      telling_units_(counter.line_rate > 0 ? 0 : kTellingCounts * counter.multiplier) {
  derive();
}

void Refresh::set_period(double period_ns) {
  period_ns_ = period_ns;
  gaps_ = 0;
  derive();
}

void Refresh::note_long_gap(double gap_ns, double units) {
  const bool is_telling = units >= telling_units_ && units * 1e9 >= telling_rate_ * period_ns_;
  if (!is_telling || gap_ns > kRefreshMaxNs) {
    gaps_ = 0;
    return;
  }
  gap_min_ns_ = gaps_ == 0 ? gap_ns : std::min(gap_min_ns_, gap_ns);
  gap_max_ns_ = gaps_ == 0 ? gap_ns : std::max(gap_max_ns_, gap_ns);
  gap_sum_ns_ = gaps_ == 0 ? gap_ns : gap_sum_ns_ + gap_ns;
  gaps_++;
  if (gaps_ == kGapsNeeded) learn_slow();
}

bool Refresh::proves_fresh(double first_ns, double second_ns) const {
  // One who is known to be fresh needs no second witness.
  return second_ns <= near_ns_ && (!is_slow_ || (first_ns <= near_ns_ && second_ns <= ns_ / 2));
}

void Refresh::set_fresh() {
  ns_ = 0;
  is_known_ = true;
  gaps_ = 0;
  derive();
}

void Refresh::learn_slow() {
  const double mean_ns = gap_sum_ns_ / kGapsNeeded;
  gaps_ = 0;
  if (gap_min_ns_ < kShortestShare * mean_ns || gap_max_ns_ > kLongestShare * mean_ns) return;
  ns_ = mean_ns;
  is_known_ = true;
  derive();
}

void Refresh::derive() {
  near_ns_ = kNearPeriods * period_ns_;
  apart_ns_ = kApartPeriods * period_ns_;
  is_slow_ = ns_ > near_ns_;
  hold_ns_ = is_slow_ ? ns_ : is_learning_ && has_line_rate_ ? std::min(kHoldPeriods * period_ns_, kHoldMaxNs) : 0;
  if (hold_ns_ <= near_ns_) hold_ns_ = 0;
}

}  // namespace sampler
