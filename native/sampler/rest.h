// Counters that rest: as long as one stands still, and nothing waits to be told of that, its readings are only compared. How many there were is counted once for all
// counters of a read window, and made up for when the counter moves, its window ends or its source is lost. Rows are the same as if each reading had been taken.

#pragma once

#include <cstdint>
#include <vector>

#include "reducer.h"
#include "source.h"

namespace sampler {

class Rest {
 public:
  // Of all counters of a source that is read in one way; none rests.
  explicit Rest(const Source& source);

  // After a reading that began at `now_ns` or later: counts it. False when a window of the rules ended, so that every counter has to be taken.
  bool note_reading(const Source& source, double now_ns, double shortest_ns, const ReductionRules& rules);
  // The reading says what this counter stood at.
  bool holds(const Source& source, std::size_t counter) const {
    return is_resting_[counter] != 0 && source.is_known()[counter] != 0 && source.values()[counter] == values_[counter];
  }
  // Ends the rest before the reading that was noted last.
  void wake(std::size_t counter, std::uint32_t window, Reducer& reducer) {
    if (is_resting_[counter] == 0) return;
    is_resting_[counter] = 0;
    reducer.skip(before_[window].mark_ns, before_[window].count - counts_[counter]);
  }
  // Begins with the reading that was noted last, where that may be.
  void begin(std::size_t counter, std::uint32_t window, std::uint64_t value, const Reducer& reducer) {
    if (!reducer.can_rest(now_[window].mark_ns)) return;
    is_resting_[counter] = 1;
    values_[counter] = value;
    counts_[counter] = now_[window].count;
  }
  // All counters were looked at: from now on what is noted lies behind.
  void settle() { before_ = now_; }

  template <typename Visit>
  void visit_memory(Visit visit) const {
    visit(values_.data(), values_.size() * sizeof values_[0]);
    visit(is_resting_.data(), is_resting_.size());
    visit(counts_.data(), counts_.size() * sizeof counts_[0]);
    visit(before_.data(), before_.size() * sizeof before_[0]);
    visit(now_.data(), now_.size() * sizeof now_[0]);
  }

 private:
  // Readings of one window that ended an interval: the last one, and how many there were.
  struct Lapse {
    double mark_ns;
    double count;
  };

  std::vector<std::uint64_t> values_;
  std::vector<char> is_resting_;
  std::vector<double> counts_;
  std::vector<Lapse> before_, now_;
  // A window of the rules ends then.
  double border_ns_;
};

}  // namespace sampler
