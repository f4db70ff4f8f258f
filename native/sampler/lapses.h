// How often the readings of a source ended an interval, counted once for all counters of a read window: most counters need nothing more of a reading.

#pragma once

#include <cstddef>
#include <vector>

#include "reduction.h"
#include "source.h"

namespace sampler {

// Of one window.
struct Lapse {
  // The last reading that ended an interval.
  double mark_ns;
  // How many did, and how long the last interval was.
  double count;
  double ns;
};

class Lapses {
 public:
  explicit Lapses(const Source& source);

  // After a reading that began at `now_ns` or later: counts it. False when a window of the rules ended, so that every counter has to be taken. `rules` have the period at which
  // the source is read.
  bool note_reading(const Source& source, double now_ns, const ReductionRules& rules);
  // As of the reading that was noted last, and as of the one before.
  const Lapse& now(std::uint32_t window) const { return now_[window]; }
  const Lapse& before(std::uint32_t window) const { return before_[window]; }
  // The reading ended an interval, and not one that lasted long.
  bool is_steady(std::uint32_t window) const { return now_[window].count != before_[window].count && now_[window].ns < steady_max_ns_; }
  // All counters were looked at: from now on what is noted lies behind.
  void settle() { before_ = now_; }

  template <typename Visit>
  void visit_memory(Visit visit) const {
    visit(before_.data(), before_.size() * sizeof before_[0]);
    visit(now_.data(), now_.size() * sizeof now_[0]);
  }

 private:
  std::vector<Lapse> before_, now_;
  double steady_max_ns_ = 0;
  // A window of the rules ends then.
  double border_ns_;
};

}  // namespace sampler
