// Movements that are only counted. See steady.h.

#include "steady.h"

#include <algorithm>
#include <limits>

#include "pace.h"

namespace sampler {

namespace {

// A rate as a float is off by less.
constexpr double kRoundedDown = 0.999;

}  // namespace

bool Steady::take(std::size_t counter, const Lapse& now, std::uint64_t value, Reducer& reducer, bool& is_busy) {
  Stride& stride = strides_[counter];
  const std::uint64_t counts = value - stride.value;
  // Neither does it stand still or go back, nor is it more than there is room for.
  if (counts == 0 || counts > std::numeric_limits<std::uint32_t>::max()) return false;
  const double rate = static_cast<double>(counts) * static_cast<double>(stride.multiplier) * 1e9 / now.ns;
  if (rate >= static_cast<double>(stride.rate_max)) return false;
  stride.value = value;
  stride.last_counts = static_cast<std::uint32_t>(counts);
  stride.peak_counts = std::max(stride.peak_counts, stride.last_counts);
  stride.gap_min_ns = std::min(stride.gap_min_ns, now.ns);
  if (rate > stride.peak_rate) {
    stride.peak_rate = rate;
    stride.peak_at_ns = now.mark_ns;
  }
  if (stride.line_rate == 0) return true;
  const double share = rate / stride.line_rate;
  is_busy = is_busy || share >= kIdleShare;
  count(stride, static_cast<std::uint32_t>(utilization_bucket(share)), reducer);
  return true;
}

void Steady::count(Stride& stride, std::uint32_t bucket, Reducer& reducer) {
  if (bucket != stride.bucket) {
    reducer.add_utilization(stride.bucket, stride.bucket_count);
    stride.bucket = bucket;
    stride.bucket_count = 0;
  }
  stride.bucket_count++;
}

bool Steady::wake(std::size_t counter, const Lapse& before, Reducer& reducer, std::uint64_t& value) {
  if (!holds(counter)) return false;
  rows_[counter] = 0;
  const Stride& stride = strides_[counter];
  value = stride.value;
  const double readings = before.count - counts_[counter];
  if (readings == 0) return true;
  const double multiplier = static_cast<double>(stride.multiplier);
  const Interval last{before.mark_ns - before.ns, before.ns, stride.last_counts * multiplier, stride.last_counts * multiplier * 1e9 / before.ns};
  reducer.add_utilization(stride.bucket, stride.bucket_count);
  reducer.make_up({stride.value, readings, before.mark_ns, stride.gap_min_ns, stride.peak_counts * multiplier, stride.peak_rate, stride.peak_at_ns, last});
  return true;
}

void Steady::begin(std::size_t counter, const Lapse& now, std::uint64_t value, const Reducer& reducer) {
  const CounterRules& rules = reducer.counter_rules();
  const bool has_room = static_cast<double>(static_cast<float>(rules.multiplier)) == rules.multiplier;
  if (!has_room || !reducer.can_move_on(now.mark_ns)) {
    rows_[counter] = 0;
    return;
  }
  if (++rows_[counter] < kRowMin) return;
  const double rate_max = std::min(kRoundedDown * reducer.calm_rate(), static_cast<double>(std::numeric_limits<float>::max()));
  Stride stride;
  stride.value = value;
  stride.line_rate = rules.line_rate;
  stride.gap_min_ns = std::numeric_limits<double>::infinity();
  stride.multiplier = static_cast<float>(rules.multiplier);
  stride.rate_max = static_cast<float>(rate_max);
  strides_[counter] = stride;
  counts_[counter] = now.count;
}

}  // namespace sampler
