// Events by port, told from thread to thread: a counter of trouble moved, so the slower sources of its port are read more often for a while.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace sampler {

class PortEvents {
 public:
  explicit PortEvents(std::size_t ports) : until_ns_(new std::atomic<double>[ports]) {
    for (std::size_t i = 0; i < ports; i++) until_ns_[i].store(0, std::memory_order_relaxed);
  }

  // True when nothing had happened at the port for a while.
  bool raise(std::size_t port, double now_ns, double lasts_ns) {
    const bool was_calm = now_ns >= until_ns_[port].load(std::memory_order_relaxed);
    until_ns_[port].store(now_ns + lasts_ns, std::memory_order_relaxed);
    count_.fetch_add(1, std::memory_order_release);
    return was_calm;
  }

  // Changes with every event: who has seen this number has seen them all.
  std::uint64_t count() const { return count_.load(std::memory_order_acquire); }
  double until_ns(std::size_t port) const { return until_ns_[port].load(std::memory_order_relaxed); }

 private:
  const std::unique_ptr<std::atomic<double>[]> until_ns_;
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace sampler
