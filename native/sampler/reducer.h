// Reduces the readings of one counter to windows and bursts, as src/roce/reducer.ts tells. Allocates nothing.

#pragma once

#include <limits>

#include "burst.h"
#include "reduction.h"

namespace sampler {

class Reducer {
 public:
  Reducer(double channel, const CounterRules& counter, const ReductionRules& rules)
      : channel_(channel), counter_(counter), rules_(rules), bursts_(channel, counter.line_rate, rules), period_ns_(rules.period_ns) {}

  // The source is read at another period from now on.
  void set_period(double period_ns) { period_ns_ = period_ns; }

  // Takes a reading: the counter's value, and when reading it began and ended.
  void take(std::uint64_t value, double begin_ns, double end_ns, RowSink& sink);
  // The source is gone: what the counter does until it is back is not known.
  void lose(RowSink& sink);
  // Ends window and burst.
  void finish(RowSink& sink);

 private:
  void open_window_at(double ns, RowSink& sink);
  void emit_window(RowSink& sink);
  void note_change(std::uint64_t value, double ns);
  bool refreshes_slowly() const;
  void end_interval(std::uint64_t value, double end_ns, RowSink& sink);
  void count(const Interval& interval, double end_ns, RowSink& sink);
  void note_burst(const ClosedBurst& burst, RowSink& sink);

  double channel_;
  CounterRules counter_;
  ReductionRules rules_;
  BurstFinder bursts_;
  double period_ns_;
  bool has_window_ = false;
  WindowRow window_{};
  double gap_sum_ns_ = 0;
  double gaps_ = 0;
  // Begin of the current interval.
  bool has_base_ = false;
  std::uint64_t base_ = 0;
  double base_ns_ = 0;
  std::uint64_t latest_ = 0;
  double changed_ns_ = 0;
  // In units, wraps unrolled.
  double total_ = std::numeric_limits<double>::quiet_NaN();
};

// The bucket of a share of the line rate.
std::size_t utilization_bucket(double share);

}  // namespace sampler
