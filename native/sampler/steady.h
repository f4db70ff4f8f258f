// Counters that move at every reading: as long as one does, at a rate that nobody waits for, a reading touches one line of memory. The rest is made up for when the counter stands
// still or bursts, its window ends or its source is lost. Rows are the same as if each reading had been taken.

#pragma once

#include <cstdint>
#include <vector>

#include "lapses.h"
#include "reducer.h"

namespace sampler {

class Steady {
 public:
  // None is steady.
  explicit Steady(std::size_t counters) : strides_(counters), rows_(counters), counts_(counters) {}

  bool holds(std::size_t counter) const { return rows_[counter] >= kRowMin; }
  void prefetch(std::size_t counter) const { __builtin_prefetch(&strides_[counter], 1); }
  // Takes a reading that ended that interval. False, and nothing is done, where the counter does not move on as it did. True in `is_busy` where that is traffic: at least `kIdleShare` of the line.
  bool take(std::size_t counter, const Lapse& now, std::uint64_t value, Reducer& reducer, bool& is_busy);
  // Ends it, `before` the reading that shows it: true, and in `value` what the counter stood at.
  bool wake(std::size_t counter, const Lapse& before, Reducer& reducer, std::uint64_t& value);
  // Begins with the reading that was taken, where that may be and the one before moved as well.
  void begin(std::size_t counter, const Lapse& now, std::uint64_t value, const Reducer& reducer);

  template <typename Visit>
  void visit_memory(Visit visit) const {
    visit(strides_.data(), strides_.size() * sizeof strides_[0]);
    visit(rows_.data(), rows_.size());
    visit(counts_.data(), counts_.size() * sizeof counts_[0]);
  }

 private:
  // Movements in a row that make a counter steady: one that moves now and then is not worth the change.
  static constexpr unsigned char kRowMin = 2;
  // What is told of movements, in one line of memory.
  struct alignas(64) Stride {
    std::uint64_t value = 0;
    double line_rate = 0;
    double peak_rate = 0;
    double peak_at_ns = 0;
    double gap_min_ns = 0;
    // Of one interval: the most, and the last.
    std::uint32_t peak_counts = 0;
    std::uint32_t last_counts = 0;
    float multiplier = 1;
    // Somebody waits for rates from here on, rounded down.
    float rate_max = 0;
    // Intervals of the same utilization that are not told yet.
    std::uint32_t bucket = 0;
    std::uint32_t bucket_count = 0;
  };

  static void count(Stride& stride, std::uint32_t bucket, Reducer& reducer);

  std::vector<Stride> strides_;
  // Movements in a row, up to `kRowMin`.
  std::vector<unsigned char> rows_;
  std::vector<double> counts_;
};

}  // namespace sampler
