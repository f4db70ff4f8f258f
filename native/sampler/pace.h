// How often a source is read, as src/roce/pace.ts tells: as often as asked, unless readings would take too large a share of the time, its counters are known
// to refresh more slowly, or all its traffic is idle; more often for two seconds after an event at one of its ports. Pure: time comes with the calls.

#pragma once

#include <limits>

#include "durations.h"
#include "plan.h"

namespace sampler {

// Without traffic for so long a source is idle; traffic below this share of the line is none.
constexpr double kIdleAfterNs = 10e9;
constexpr double kIdleShare = 0.01;
// After an event.
constexpr double kEscalationNs = 2e9;

class Pace {
 public:
  Pace(const SourceRules& rules, double tick_ns);

  // A whole number of ticks, to the next reading.
  double period_ns(double now_ns) const;
  // There was traffic.
  void note_busy(double now_ns) { busy_ns_ = now_ns; }
  void escalate_until(double ns) { escalated_until_ns_ = ns; }
  // True when enough was read to judge the duty anew.
  bool note_reading(double now_ns, double read_ns);
  // All counters that move refresh at least so far apart; 0 when one does not.
  double refresh_ns() const { return refresh_ns_; }
  void set_refresh(double ns) { refresh_ns_ = ns; }

 private:
  // All but the longest of a hundred, which is kept apart; the second longest counts.
  void add(double read_ns);
  bool is_judged(double now_ns) const;

  SourceRules rules_;
  double tick_ns_;
  bool is_begun_ = false;
  double busy_ns_ = 0;
  double escalated_until_ns_ = 0;
  double refresh_ns_ = 0;
  // By the share of the time that readings may take.
  double governed_ns_ = 0;
  double judged_ns_ = 0;
  Durations read_;
  double longest_ns_ = 0;
  // Readings since that one.
  double since_longest_ = std::numeric_limits<double>::infinity();
};

}  // namespace sampler
