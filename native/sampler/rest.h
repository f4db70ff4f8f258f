// Counters that rest: as long as one stands still, and nothing waits to be told of that, its readings are only compared. They are made up for when the counter moves, its window
// ends or its source is lost. Rows are the same as if each reading had been taken.

#pragma once

#include <cstdint>
#include <vector>

#include "lapses.h"
#include "reducer.h"
#include "source.h"

namespace sampler {

class Rest {
 public:
  // Of all counters of a source that is read in one way; none rests.
  explicit Rest(std::size_t counters) : values_(counters), is_resting_(counters), counts_(counters) {}

  // The reading says what this counter stood at.
  bool holds(const Source& source, std::size_t counter) const {
    return is_resting_[counter] != 0 && source.is_known()[counter] != 0 && source.values()[counter] == values_[counter];
  }
  // Ends the rest, `before` the reading that shows it.
  void wake(std::size_t counter, const Lapse& before, Reducer& reducer) {
    if (is_resting_[counter] == 0) return;
    is_resting_[counter] = 0;
    reducer.skip(before.mark_ns, before.count - counts_[counter]);
  }
  // Begins with the reading that was taken, where that may be.
  void begin(std::size_t counter, const Lapse& now, std::uint64_t value, const Reducer& reducer) {
    if (!reducer.can_rest(now.mark_ns)) return;
    is_resting_[counter] = 1;
    values_[counter] = value;
    counts_[counter] = now.count;
  }

  template <typename Visit>
  void visit_memory(Visit visit) const {
    visit(values_.data(), values_.size() * sizeof values_[0]);
    visit(is_resting_.data(), is_resting_.size());
    visit(counts_.data(), counts_.size() * sizeof counts_[0]);
  }

 private:
  std::vector<std::uint64_t> values_;
  std::vector<char> is_resting_;
  std::vector<double> counts_;
};

}  // namespace sampler
