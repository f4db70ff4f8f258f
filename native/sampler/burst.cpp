// Bursts: from an interval at `enter` or more until more than `merge_gap` intervals in a row stayed below `leave`. The intervals around it
// belong to it with their units, and with as much time as these take at the peak rate.

#include "burst.h"

#include <algorithm>

namespace sampler {

double busy_ns(const Interval& interval, double rate) { return interval.units > 0 ? std::min(interval.ns, interval.units * 1e9 / rate) : 0; }

BurstEvent BurstFinder::take(const Interval& interval, ClosedBurst& closed) {
  if (is_calm(interval)) {
    pass(interval);
    return BurstEvent::kNone;
  }
  if (!is_open_) return begin(interval);
  if (interval.rate >= leave_rate_) return extend(interval);
  add_gap(interval);
  return gap_count_ > merge_gap_ && close(closed) ? BurstEvent::kEnded : BurstEvent::kNone;
}

void BurstFinder::add_doubtful(const Interval& interval) {
  if (!is_open_) return;
  units_ += interval.units;
  ns_ += interval.ns;
}

bool BurstFinder::close(ClosedBurst& closed) {
  if (!is_open_) return false;
  is_open_ = false;
  const bool is_burst = length_ >= min_intervals_;
  if (is_burst) closed = result(gap_count_ > 0 ? gap_first_ : Interval{});
  // The interval after this burst may be the one before the next; it is not counted twice.
  before_ = gap_count_ > gap_first_.count ? gap_latest_ : Interval{};
  return is_burst;
}

BurstEvent BurstFinder::begin(const Interval& first) {
  is_open_ = is_single_ = true;
  lead_ = before_;
  first_ = last_ = first;
  units_ = first.units;
  ns_ = first.ns;
  peak_rate_ = first.rate;
  length_ = gap_count_ = 0;
  return note_length(first.count);
}

BurstEvent BurstFinder::extend(const Interval& interval) {
  if (gap_count_ > 0) {
    units_ += gap_sum_.units;
    ns_ += gap_sum_.ns;
  }
  gap_count_ = 0;
  units_ += interval.units;
  ns_ += interval.ns;
  last_ = interval;
  is_single_ = false;
  peak_rate_ = std::max(peak_rate_, interval.rate);
  return note_length(interval.count);
}

void BurstFinder::add_gap(const Interval& interval) {
  if (gap_count_ == 0) {
    gap_first_ = interval;
    gap_sum_ = {};
  }
  gap_latest_ = interval;
  gap_sum_.ns += interval.ns;
  gap_sum_.units += interval.units;
  gap_count_ += interval.count;
}

BurstEvent BurstFinder::note_length(double count) {
  const bool was_burst = length_ >= min_intervals_;
  length_ += count;
  return !was_burst && length_ >= min_intervals_ ? BurstEvent::kBegan : BurstEvent::kNone;
}

ClosedBurst BurstFinder::result(const Interval& trail) const {
  const double lead_ns = busy_ns(lead_, peak_rate_);
  const double first_idle_ns = first_.ns - busy_ns(first_, peak_rate_);
  const double last_idle_ns = is_single_ ? 0 : last_.ns - busy_ns(last_, peak_rate_);
  const double duration_ns = lead_ns + ns_ - first_idle_ns - last_idle_ns + busy_ns(trail, peak_rate_);
  const double units = lead_.units + units_ + trail.units;
  return {{channel_, first_.start_ns + first_idle_ns - lead_ns, duration_ns, units, peak_rate_},
          {lead_, first_, is_single_ ? Interval{} : last_, trail}};
}

}  // namespace sampler
