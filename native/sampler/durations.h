// Durations as a histogram of fixed size that one thread writes and others read, as src/roce/durations.ts: 16 buckets an octave for quantiles, which
// are at most 1/16 too high, and the few buckets that are published.

#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace sampler {

// Upper edges; one more bucket holds what is longer.
constexpr std::array<double, 9> kDurationEdgesNs{1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 5e6, 1e7};

// A number that one thread writes: adding needs no locked instruction.
template <typename T>
class Tally {
 public:
  void add(T more) { value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed); }
  void set(T value) { value_.store(value, std::memory_order_relaxed); }
  T get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<T> value_{0};
};

class Durations {
 public:
  // Writer only.
  void add(double ns) {
    counts_[bucket_of(ns)].add(1);
    std::size_t edge = 0;
    while (edge < kDurationEdgesNs.size() && ns > kDurationEdgesNs[edge]) edge++;
    published_[edge].add(1);
    sum_.add(ns);
    if (ns > max_.get()) max_.set(ns);
    count_.add(1);
  }

  // Writer only.
  void clear() {
    for (auto& count : counts_) count.set(0);
    for (auto& count : published_) count.set(0);
    count_.set(0);
    sum_.set(0);
    max_.set(0);
  }

  // The upper edge of the bucket that holds the quantile, at most the longest duration; 0 without any.
  double quantile(double share) const {
    double total = 0;
    for (const auto& count : counts_) total += static_cast<double>(count.get());
    double seen = 0;
    for (std::size_t i = 0; i < kBuckets; i++) {
      seen += static_cast<double>(counts_[i].get());
      if (seen > 0 && seen >= share * total) return std::min(edge_of(i), max());
    }
    return 0;
  }

  std::uint64_t count() const { return count_.get(); }
  double sum() const { return sum_.get(); }
  double max() const { return max_.get(); }
  std::uint64_t published(std::size_t bucket) const { return published_[bucket].get(); }

 private:
  static constexpr std::size_t kParts = 16;
  // Up to 2^40 ns, 18 minutes.
  static constexpr std::size_t kOctaves = 40;
  static constexpr std::size_t kBuckets = kOctaves * kParts;

  static std::size_t bucket_of(double ns) {
    if (!(ns >= 1)) return 0;
    // The exponent and the first bits behind the point, as IEEE 754 has them.
    std::uint64_t bits;
    std::memcpy(&bits, &ns, sizeof bits);
    const std::size_t octave = std::min<std::size_t>(kOctaves - 1, (bits >> 52) - 1023);
    return octave * kParts + (bits >> 48) % kParts;
  }
  static double edge_of(std::size_t bucket) {
    return std::ldexp(1 + static_cast<double>(bucket % kParts + 1) / static_cast<double>(kParts), static_cast<int>(bucket / kParts));
  }

  std::array<Tally<std::uint64_t>, kBuckets> counts_{};
  std::array<Tally<std::uint64_t>, kDurationEdgesNs.size() + 1> published_{};
  Tally<std::uint64_t> count_;
  Tally<double> sum_;
  Tally<double> max_;
};

}  // namespace sampler
