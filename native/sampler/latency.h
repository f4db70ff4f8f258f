// Durations as a histogram of fixed size that one thread writes and another reads: 8 buckets an octave, so quantiles are at most 9 % too high.

#pragma once

#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>

namespace sampler {

class LatencyHistogram {
 public:
  void add(double ns) {
    const double position = ns <= 1 ? 0 : std::ceil(std::log2(ns) * 8);
    const std::size_t bucket = position >= kBuckets ? kBuckets - 1 : static_cast<std::size_t>(position);
    buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
    // One writer: no other store can come between.
    if (ns > max_.load(std::memory_order_relaxed)) max_.store(ns, std::memory_order_relaxed);
  }

  // The upper edge of the bucket that holds the quantile, at most the largest duration seen; 0 without any.
  double quantile(double share) const {
    double total = 0;
    for (const auto& bucket : buckets_) total += static_cast<double>(bucket.load(std::memory_order_relaxed));
    double seen = 0;
    for (std::size_t i = 0; i < kBuckets; i++) {
      seen += static_cast<double>(buckets_[i].load(std::memory_order_relaxed));
      if (seen > 0 && seen >= share * total) return std::fmin(std::exp2(static_cast<double>(i) / 8), max());
    }
    return 0;
  }

  double max() const { return max_.load(std::memory_order_relaxed); }

 private:
  // Up to 2^37 ns, more than two minutes.
  static constexpr std::size_t kBuckets = 37 * 8;
  std::array<std::atomic<std::uint64_t>, kBuckets> buckets_{};
  std::atomic<double> max_{0};
};

}  // namespace sampler
