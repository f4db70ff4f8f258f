// Finds bursts in the intervals of one counter, as src/roce/burst.ts tells. Holds a fixed number of intervals, whatever the length of a burst.

#pragma once

#include "reduction.h"

namespace sampler {

// The time between two readings.
struct Interval {
  double start_ns = 0;
  double ns = 0;
  double units = 0;
};

// How long an interval's units take at a rate, at most the interval.
double busy_ns(const Interval& interval, double rate);

struct ClosedBurst {
  BurstRow row{};
  // The intervals in which it began and ended; an unused one has no time.
  std::array<Interval, 4> edges{};
};

class BurstFinder {
 public:
  BurstFinder(double channel, double line_rate, const ReductionRules& rules) : channel_(channel), line_rate_(line_rate), rules_(rules) {}

  // Takes the next interval; true when it ended a burst, which is then in `closed`.
  bool take(const Interval& interval, ClosedBurst& closed);
  // An interval without a believable rate belongs to the burst around it with its units and its time, and neither begins nor ends one.
  void add_doubtful(const Interval& interval);
  // Ends the open burst; false when there is none.
  bool close(ClosedBurst& closed);

 private:
  void begin(const Interval& first, double rate);
  void add_gap(const Interval& interval);
  void extend(const Interval& interval, double rate);
  ClosedBurst result(const Interval& trail) const;

  double channel_;
  double line_rate_;
  ReductionRules rules_;
  Interval before_;
  bool is_open_ = false;
  bool is_single_ = false;
  Interval lead_, first_, last_;
  double units_ = 0, ns_ = 0, peak_rate_ = 0;
  // Intervals below `leave` since the last: how many, the first, the latest, and all of them together.
  unsigned gap_count_ = 0;
  Interval gap_first_, gap_latest_, gap_sum_;
};

}  // namespace sampler
