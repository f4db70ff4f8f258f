// How many rows wait for the reader at most, by kind.

#pragma once

#include <cstdint>

namespace sampler {

struct RingSizes {
  std::uint64_t windows;
  std::uint64_t bursts;
  std::uint64_t captures;
  std::uint64_t capture_starts;
};

struct RingNeeds {
  std::uint64_t channels;
  // With a line rate.
  std::uint64_t burst_channels;
  std::uint64_t captured_channels;
  double window_ns;
  double tick_ns;
  // For everything; what is least comes first.
  double bytes;
  // What a capture gives at once when it begins.
  double pre_ns = 0;
};

// Windows of two minutes, bursts and captures of seconds, beyond what a capture gives when it begins; fewer where the memory is less, and never less than three windows a channel.
RingSizes ring_sizes(const RingNeeds& needs);

}  // namespace sampler
