// Readings to windows. Rates are what was counted divided by the time that really passed. A reading that came too soon, took too long, or is of a
// counter that has not refreshed does not end an interval: it goes on to the next reading.

#include "reducer.h"

#include <algorithm>
#include <cmath>

#include "delta.h"

namespace sampler {

namespace {

constexpr double kShortestShare = 0.5;
constexpr double kReadShareMax = 0.2;
constexpr double kSlowPeriods = 1.5;
constexpr double kIdleRefreshes = 2;

}  // namespace

std::size_t utilization_bucket(double share) {
  if (!(share > 1.0 / 1024)) return 0;
  const double bucket = std::ceil((std::log2(share) + 10) * 8);
  return static_cast<std::size_t>(std::min(static_cast<double>(kUtilizationBuckets - 1), bucket));
}

void Reducer::take(std::uint64_t value, double begin_ns, double end_ns, RowSink& sink) {
  const double ns = (begin_ns + end_ns) / 2;
  open_window_at(ns, sink);
  if (!has_base_) {
    has_base_ = true;
    base_ = latest_ = value;
    base_ns_ = ns;
    changed_ns_ = 0;
    total_ = static_cast<double>(value) * counter_.multiplier;
    return;
  }
  note_change(value, ns);
  const double elapsed_ns = ns - base_ns_;
  if (elapsed_ns < kShortestShare * period_ns_ || end_ns - begin_ns > kReadShareMax * elapsed_ns) return;
  if (refreshes_slowly() && value == base_) {
    if (elapsed_ns < kIdleRefreshes * counter_.refresh_ns) return;
    // What it counts next may have happened any time in the last refresh: that time stays open.
    return end_interval(value, ns - counter_.refresh_ns, sink);
  }
  end_interval(value, ns, sink);
}

void Reducer::lose(RowSink& sink) {
  ClosedBurst burst;
  if (bursts_.close(burst)) note_burst(burst, sink);
  has_base_ = false;
}

void Reducer::finish(RowSink& sink) {
  lose(sink);
  emit_window(sink);
}

void Reducer::open_window_at(double ns, RowSink& sink) {
  if (has_window_ && ns < window_[kEnd]) return;
  emit_window(sink);
  window_.fill(0);
  window_[kChannel] = channel_;
  window_[kStart] = std::floor((ns + rules_.align_ns) / rules_.window_ns) * rules_.window_ns - rules_.align_ns;
  window_[kEnd] = window_[kStart] + rules_.window_ns;
  gap_sum_ns_ = gaps_ = 0;
  has_window_ = true;
}

void Reducer::emit_window(RowSink& sink) {
  if (!has_window_) return;
  window_[kGapMean] = gaps_ == 0 ? 0 : gap_sum_ns_ / gaps_;
  window_[kTotal] = total_;
  window_[kRefresh] = counter_.refresh_ns;
  sink.window(window_);
  has_window_ = false;
}

void Reducer::note_change(std::uint64_t value, double ns) {
  if (value == latest_) return;
  if (changed_ns_ > 0) {
    const double gap_ns = ns - changed_ns_;
    window_[kGapMin] = gaps_ == 0 ? gap_ns : std::min(window_[kGapMin], gap_ns);
    gap_sum_ns_ += gap_ns;
    gaps_++;
  }
  if (is_saturated(value, counter_)) window_[kSaturations]++;
  window_[kChanges]++;
  latest_ = value;
  changed_ns_ = ns;
}

bool Reducer::refreshes_slowly() const { return counter_.refresh_ns > kSlowPeriods * period_ns_; }

void Reducer::end_interval(std::uint64_t value, double end_ns, RowSink& sink) {
  Interval interval{base_ns_, end_ns - base_ns_, 0};
  const Step step = step_of(base_, value, interval.ns, counter_);
  interval.units = step.units;
  base_ = value;
  base_ns_ = end_ns;
  window_[kCovered] += interval.ns;
  total_ = step.kind == StepKind::kReset ? static_cast<double>(value) * counter_.multiplier : total_ + step.units;
  if (step.kind == StepKind::kReset) {
    window_[kResets]++;
    return;
  }
  if (step.kind == StepKind::kWrapped) window_[kWraps]++;
  window_[kUnits] += step.units;
  const bool is_implausible = counter_.line_rate > 0 && step.units * 1e9 > kPlausibleShare * counter_.line_rate * interval.ns;
  if (is_implausible) {
    window_[kImplausible]++;
    return bursts_.add_doubtful(interval);
  }
  count(interval, end_ns, sink);
}

void Reducer::count(const Interval& interval, double end_ns, RowSink& sink) {
  const double rate = interval.units * 1e9 / interval.ns;
  window_[kIntervals]++;
  if (interval.units > 0) window_[kActive] += interval.ns;
  window_[kPeakUnits] = std::max(window_[kPeakUnits], interval.units);
  if (rate > window_[kPeakRate]) {
    window_[kPeakRate] = rate;
    window_[kPeakAt] = end_ns;
  }
  if (counter_.line_rate == 0) return;
  const double share = rate / counter_.line_rate;
  for (std::size_t i = 0; i < rules_.threshold_count; i++)
    if (share >= rules_.thresholds[i]) window_[kAbove + i] += interval.ns;
  window_[kUtilization + utilization_bucket(share)]++;
  ClosedBurst burst;
  if (bursts_.take(interval, burst)) note_burst(burst, sink);
}

void Reducer::note_burst(const ClosedBurst& burst, RowSink& sink) {
  if (!has_window_) return;
  const double peak_rate = burst.row[4];
  window_[kBursts]++;
  window_[kBurstNs] += burst.row[2];
  window_[kBurstUnits] += burst.row[3];
  // The burst was above a threshold in its first and last interval too, if only for a part of them.
  for (std::size_t i = 0; i < rules_.threshold_count; i++) {
    const double limit = rules_.thresholds[i] * counter_.line_rate;
    if (peak_rate < limit) continue;
    for (const Interval& edge : burst.edges)
      if (edge.ns > 0 && edge.units * 1e9 / edge.ns < limit) window_[kAbove + i] += busy_ns(edge, peak_rate);
  }
  sink.burst(burst.row);
}

}  // namespace sampler
