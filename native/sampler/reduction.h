// Rules and rows of reduction, as src/roce/reduction.ts has them: times are nanoseconds of the monotonic clock, "units" are bytes for traffic
// and what the counter counts for everything else. Rows are arrays of doubles, so that they cross the ring and the boundary to JavaScript as
// they are.

#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace sampler {

constexpr std::size_t kThresholdsMax = 4;
constexpr double kPlausibleShare = 1.05;
constexpr std::size_t kUtilizationBuckets = 81;

struct CounterRules {
  double multiplier = 1;
  double line_rate = 0;
  unsigned bits = 64;
  bool saturates = false;
  // Between two refreshes; without meaning where it is to be found out.
  double refresh_ns = 0;
  bool learns_refresh = false;
};

struct ReductionRules {
  double period_ns = 1e6;
  double window_ns = 15e9;
  double align_ns = 0;
  std::array<double, kThresholdsMax> thresholds{};
  std::size_t threshold_count = 0;
  double enter = 0.5;
  double leave = 0.3;
  unsigned merge_gap = 1;
  unsigned min_intervals = 1;
};

// The order of the numbers in a window's row.
enum WindowNumber : std::size_t {
  kChannel, kStart, kEnd, kUnits, kIntervals, kChanges, kPeakRate, kPeakAt, kPeakUnits, kActive,
  kAbove,
  kBursts = kAbove + kThresholdsMax,
  kBurstNs, kBurstUnits, kImplausible, kWraps, kResets, kSaturations, kGapMin, kGapMean, kTotal, kCovered, kRefresh,
  kUtilization,
  kWindowNumbers = kUtilization + kUtilizationBuckets,
};

constexpr std::size_t kBurstNumbers = 5;
constexpr std::size_t kCaptureNumbers = 3;

using WindowRow = std::array<double, kWindowNumbers>;
// Channel, start, duration, units, peak rate.
using BurstRow = std::array<double, kBurstNumbers>;
// Channel, time, value.
using CaptureRow = std::array<double, kCaptureNumbers>;
// Port, channel, time.
using CaptureStart = std::array<double, kCaptureNumbers>;

// Readings closer together than half the period are one that was late and one that was not, and a reading that takes long next to the time since the last says too little of when.
inline double shortest_interval_ns(double period_ns) { return 0.5 * period_ns; }
inline bool ends_interval(double elapsed_ns, double read_ns, double shortest_ns) { return elapsed_ns >= shortest_ns && read_ns <= 0.2 * elapsed_ns; }

// The window of that time ends then.
inline double window_end_ns(const ReductionRules& rules, double ns) {
  return std::floor((ns + rules.align_ns) / rules.window_ns) * rules.window_ns - rules.align_ns + rules.window_ns;
}

// Where rows go. The sampler's sink is a set of rings, the test program's one prints.
class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual void window(const WindowRow& row) = 0;
  virtual void burst(const BurstRow& row) = 0;
  virtual void capture_start(const CaptureStart& row) = 0;
  virtual void capture(const CaptureRow& row) = 0;
};

}  // namespace sampler
