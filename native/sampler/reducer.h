// Reduces the readings of one counter to windows and bursts, as src/roce/reducer.ts tells. Allocates nothing.

#pragma once

#include <algorithm>
#include <limits>

#include "burst.h"
#include "capture.h"
#include "reduction.h"
#include "refresh.h"

namespace sampler {

// Readings that each ended an interval in which the counter moved.
struct Moves {
  std::uint64_t value;
  double count;
  // Of the last reading.
  double mark_ns;
  double gap_min_ns;
  double peak_units;
  double peak_rate;
  double peak_at_ns;
  Interval last;
};

class alignas(64) Reducer {
 public:
  // The rules outlive it.
  Reducer(double channel, const CounterRules& counter, const ReductionRules& rules);

  // Before the start: bursts, and movements when `is_event`, are told to the recorder, and intervals when it keeps this counter at that place.
  void record(Recorder* recorder, bool is_event, std::size_t place = kNoPlace);

  // Takes a reading: the counter's value, and when reading it began and ended.
  void take(std::uint64_t value, double begin_ns, double end_ns, RowSink& sink);
  // The source is gone: what the counter does until it is back is not known.
  void lose(RowSink& sink);
  // Nothing was read until then: a window that is over is given all the same.
  void expire(double ns, RowSink& sink) {
    if (!has_base_ && ns >= window_end_ns_) emit_window(sink);
  }
  // Ends window and burst.
  void finish(RowSink& sink);
  // The source is read at another period from the next reading on.
  void set_period(double period_ns);
  // Between two refreshes, 0 where each reading is fresh or nothing is known.
  double refresh_ns() const { return refresh_.known_ns(); }
  // Nothing but the comparison is needed as long as the counter stands still: its last reading said the same as the one before, and no capture may want to be told of it. That
  // reading, at `mark_ns`, ended an interval for all counters of its window; from a later one on the next may end for this counter alone.
  bool can_rest(double mark_ns) const {
    return has_base_ && idle_count_ > 0 && mark_ns_ == mark_ns && latest_ == mark_ && !has_held_ && place_ == kNoPlace && refresh_.hold_ns() == 0;
  }
  // Makes up for so many readings that ended intervals and were only compared, the last one at `mark_ns`.
  void skip(double mark_ns, double count) {
    mark_ns_ = mark_ns;
    idle_count_ += count;
  }

  // Nothing but counting is needed as long as the counter moves at every reading and its rate is below `calm_rate`: it did at the last one, at `mark_ns`, which ended an interval for all
  // counters of its window, and nobody wants to be told of movements, or of intervals.
  bool can_move_on(double mark_ns) const {
    return has_base_ && base_is_move_ && idle_count_ == 0 && !has_held_ && mark_ns_ == mark_ns && changed_ns_ == mark_ns && latest_ == mark_ && place_ == kNoPlace && !is_event_ &&
           counter_.bits == 64 && !refresh_.is_slow() && !bursts_.is_open() && bursts_.before_rate() < calm_rate();
  }
  // No threshold and no burst is reached below.
  double calm_rate() const {
    if (counter_.line_rate == 0) return std::numeric_limits<double>::infinity();
    const double threshold = rules_.threshold_count == 0 ? kPlausibleShare : std::min(kPlausibleShare, rules_.thresholds[0]);
    return std::min(threshold * counter_.line_rate, bursts_.enter_rate());
  }
  const CounterRules& counter_rules() const { return counter_; }
  // Makes up for readings of such a counter; their utilization is added apart from that.
  void make_up(const Moves& moves);
  void add_utilization(std::size_t bucket, double count) { window_[kUtilization + bucket] += count; }

  // Has the memory fetched that a movement touches, while that of others is waited for.
  void prefetch() const {
    const char* const lines = reinterpret_cast<const char*>(this);
    for (std::size_t line = 0; line < kMovingLines; line++) __builtin_prefetch(lines + line * kLineBytes, 1);
  }

  static constexpr std::size_t kNoPlace = static_cast<std::size_t>(-1);

 private:
  static constexpr std::size_t kLineBytes = 64;
  // Up to the first numbers of the window.
  static constexpr std::size_t kMovingLines = 6;

  bool is_wanted() const;
  bool is_settled() const;
  void roll_window(double ns, RowSink& sink);
  void close_idle(RowSink& sink);
  void emit_window(RowSink& sink);
  void cover();
  void restart(std::uint64_t value, double ns);
  bool note_change(std::uint64_t value, double ns, RowSink& sink);
  void reset(std::uint64_t value, double ns, RowSink& sink);
  void move(std::uint64_t value, double ns, RowSink& sink);
  void move_fast(const Interval& moved, RowSink& sink);
  void prove(const Interval& moved, RowSink& sink);
  void settle_held(RowSink& sink);
  void rest(RowSink& sink);
  double idle_intervals(double until_ns) const;
  void give_idle(double until_ns, double count, RowSink& sink);
  void give_span(double until_ns, double units, double active_ns, RowSink& sink);
  double spread_ns(double until_ns) const;
  // One interval between readings; its rate is judged over `least_ns` at least.
  void give_exact(Interval interval, RowSink& sink, double least_ns = 0);
  void judge(const Interval& interval, double active_ns, RowSink& sink);
  void count(const Interval& interval, double active_ns);
  void note_peak(double units, double rate, double at_ns);
  void offer_burst(const Interval& interval, RowSink& sink);
  void note_burst(const ClosedBurst& burst, RowSink& sink);

  // What a reading may touch comes first and in whole lines of memory: after the sleep between two readings each line has to be fetched anew.
  double window_end_ns_ = -std::numeric_limits<double>::infinity();
  std::uint64_t latest_ = 0;
  std::uint64_t mark_ = 0;
  double mark_ns_ = 0;
  double base_ns_ = 0;
  double idle_count_ = 0;
  double shortest_ns_ = 0;
  bool has_base_ = false;
  // The time from `base_ns_` to `mark_ns_`, the last reading that ended an interval, is idle but for the held interval at its end, and not judged yet.
  bool has_held_ = false;
  bool base_is_move_ = false;
  bool has_burst_ = false;
  bool is_event_ = false;

  double pending_units_ = 0;
  double moved_ns_ = 0;
  double changed_ns_ = 0;
  // In units, wraps unrolled.
  double total_ = std::numeric_limits<double>::quiet_NaN();
  double gap_min_ns_ = 0;
  double gap_sum_ns_ = 0;
  double gaps_ = 0;
  double period_ns_;

  CounterRules counter_;
  double plausible_rate_;
  Recorder* recorder_ = nullptr;
  std::size_t place_ = kNoPlace;
  double channel_;

  alignas(kLineBytes) Refresh refresh_;
  alignas(kLineBytes) WindowRow window_{};
  alignas(kLineBytes) BurstFinder bursts_;
  Interval held_;
  double covered_ns_ = 0;
  const ReductionRules& rules_;
};

// The bucket of a share of the line rate.
std::size_t utilization_bucket(double share);

}  // namespace sampler
