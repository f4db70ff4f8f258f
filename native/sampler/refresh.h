// How often a counter's number is made anew, where nobody tells: src/roce/refresh.ts has the rules and the reasons.

#pragma once

#include "reduction.h"

namespace sampler {

// A counter that has proved nothing yet is judged as if it refreshed so slowly; no counter is known that is slower.
constexpr double kRefreshAssumedNs = 1e9;
// Changes that are at least so far apart tell how often a counter refreshes.
constexpr double kApartPeriods = 3;

class Refresh {
 public:
  Refresh(const CounterRules& counter, double period_ns);

  void set_period(double period_ns);
  // Two changes followed each other after so long, and the second one was by so many units.
  void note_gap(double gap_ns, double units) {
    if (gap_ns < apart_ns_) gaps_ = 0;
    else if (is_learning_) note_long_gap(gap_ns, units);
  }
  // Readings before and after went missing: gaps begin anew.
  void forget_gaps() { gaps_ = 0; }
  // Two readings in a row changed, each of them so long after the one before: true when that shows each reading to be fresh.
  bool proves_fresh(double first_ns, double second_ns) const;
  void set_fresh();

  // Refreshes more slowly than it is read, or has a line rate and has not proved yet that it does not.
  bool is_slow() const { return is_slow_; }
  // Between two refreshes is this time, not an assumed one.
  bool is_known_slow() const { return is_slow_ && is_known_; }
  // Nobody told how often it refreshes.
  bool is_learning() const { return is_learning_; }
  // Time without a change that stays open, because what comes next may have happened in it; 0 where nothing stays open.
  double hold_ns() const { return hold_ns_; }
  double ns() const { return ns_; }
  // 0 while nothing is known.
  double known_ns() const { return is_known_ ? ns_ : 0; }
  // Two readings at most so far apart leave no room for a third.
  double near_ns() const { return near_ns_; }

 private:
  void derive();
  void note_long_gap(double gap_ns, double units);
  void learn_slow();

  // What every movement asks for comes first.
  bool is_learning_;
  bool has_line_rate_;
  bool is_known_;
  bool is_slow_ = false;
  // Gaps in a row that are long enough, the shortest, the longest, and all of them together, see below.
  unsigned gaps_ = 0;
  double ns_;
  double hold_ns_ = 0;
  double near_ns_ = 0;
  double apart_ns_ = 0;
  double period_ns_;
  // A change by less in a period tells nothing.
  double telling_rate_;
  double telling_units_;
  double gap_min_ns_ = 0;
  double gap_max_ns_ = 0;
  double gap_sum_ns_ = 0;
};

}  // namespace sampler
