// Memory for rows that wait. See ring-sizes.h.

#include "ring-sizes.h"

#include <algorithm>
#include <cmath>

#include "reduction.h"

namespace sampler {

namespace {

constexpr double kKeptNs = 120e9;
// Windows of every channel end together.
constexpr double kWindowsPerChannelMin = 3;
constexpr double kBurstsPerChannel = 256;
constexpr double kBurstsMin = 1024;
constexpr double kCaptureNs = 2e9;
constexpr double kCapturesMin = 1024;
constexpr double kCaptureStarts = 256;
// Of the memory; windows may have the rest.
constexpr double kBurstShare = 1.0 / 16;
constexpr double kCaptureShare = 1.0 / 4;

double rows_in(double bytes, std::size_t numbers) { return std::floor(bytes / static_cast<double>(numbers * sizeof(double))); }

double between(double least, double wanted, double most) { return std::max(least, std::min(wanted, most)); }

}  // namespace

RingSizes ring_sizes(const RingNeeds& needs) {
  const auto channels = static_cast<double>(needs.channels);
  const double bursts =
      needs.burst_channels == 0 ? 1 : between(kBurstsMin, kBurstsPerChannel * static_cast<double>(needs.burst_channels), rows_in(kBurstShare * needs.bytes, kBurstNumbers));
  const double captures = needs.captured_channels == 0 ? 1
      : between(kCapturesMin, static_cast<double>(needs.captured_channels) * (kCaptureNs + needs.pre_ns) / needs.tick_ns, rows_in(kCaptureShare * needs.bytes, kCaptureNumbers));
  const double starts = needs.captured_channels == 0 ? 1 : kCaptureStarts;
  const double used = 8 * (bursts * kBurstNumbers + captures * kCaptureNumbers + starts * kCaptureNumbers);
  const double windows = between(kWindowsPerChannelMin * channels, (std::ceil(kKeptNs / needs.window_ns) + 1) * channels, rows_in(needs.bytes - used, kWindowNumbers));
  const auto rows = [](double number) { return static_cast<std::uint64_t>(std::max(1.0, number)); };
  return {rows(windows), rows(bursts), rows(captures), rows(starts)};
}

}  // namespace sampler
