// Finds bursts in the intervals of one counter, as src/roce/burst.ts tells. Holds a fixed number of intervals, whatever the length of a burst.

#pragma once

#include "reduction.h"

namespace sampler {

// The time between two readings, or between the changes of a counter that refreshes slowly.
struct Interval {
  double start_ns = 0;
  double ns = 0;
  double units = 0;
  // Units per second; less than units by time where the units may be from before it.
  double rate = 0;
  // How many intervals between readings, or refreshes, this is.
  double count = 1;
};

// How long an interval's units take at a rate, at most the interval.
double busy_ns(const Interval& interval, double rate);

struct ClosedBurst {
  BurstRow row{};
  // The intervals in which it began and ended; an unused one has no time.
  std::array<Interval, 4> edges{};
};

// What an interval did: a burst that is long enough to be one began, or ended.
enum class BurstEvent { kNone, kBegan, kEnded };

class BurstFinder {
 public:
  BurstFinder(double channel, double line_rate, const ReductionRules& rules)
      : enter_rate_(rules.enter * line_rate), leave_rate_(rules.leave * line_rate), channel_(channel), merge_gap_(rules.merge_gap), min_intervals_(rules.min_intervals) {}

  // Most intervals do nothing.
  bool is_calm(const Interval& interval) const { return !is_open_ && interval.rate < enter_rate_; }
  // Takes the next interval when it is calm.
  void pass(const Interval& interval) { before_ = interval; }
  // Takes the next interval. When it ended a burst, that is in `closed`.
  BurstEvent take(const Interval& interval, ClosedBurst& closed);
  // An interval without a believable rate belongs to the burst around it with its units and its time, and neither begins nor ends one.
  void add_doubtful(const Interval& interval);
  // Ends the open burst; false when there is none that is long enough.
  bool close(ClosedBurst& closed);
  bool is_open() const { return is_open_; }
  // Rates below this one begin no burst.
  double enter_rate() const { return enter_rate_; }
  // Of the last interval while no burst is open.
  double before_rate() const { return before_.rate; }
  // Begin of the first interval of the open burst.
  double began_ns() const { return first_.start_ns; }

 private:
  BurstEvent begin(const Interval& first);
  BurstEvent extend(const Interval& interval);
  void add_gap(const Interval& interval);
  BurstEvent note_length(double count);
  ClosedBurst result(const Interval& trail) const;

  // What every interval asks for comes first.
  bool is_open_ = false;
  bool is_single_ = false;
  double enter_rate_;
  Interval before_;
  double leave_rate_;
  double channel_;
  double merge_gap_, min_intervals_;
  Interval lead_, first_, last_;
  double units_ = 0, ns_ = 0, peak_rate_ = 0;
  // Intervals at `leave` or more.
  double length_ = 0;
  // Intervals below `leave` since the last: how many, the first, the latest, and all of them together.
  double gap_count_ = 0;
  Interval gap_first_, gap_latest_, gap_sum_;
};

}  // namespace sampler
