// The sampler's thread: sleeps until an absolute deadline, reads all sources, reduces the readings and leaves rows in two rings. Deadlines that
// passed while it was late are counted and never caught up. All memory is taken before it starts.

#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "latency.h"
#include "reducer.h"
#include "ring.h"
#include "schedule.h"
#include "source.h"

namespace sampler {

// A counter's number in rows, and its rules.
struct Channel {
  unsigned number = 0;
  CounterRules rules;
};

struct SourceChannels {
  std::unique_ptr<Source> source;
  // In the order of the source's readings.
  std::vector<Channel> channels;
};

// Powers of two. Windows of every channel end together: the ring takes three of them from each.
constexpr std::uint64_t kWindowsPerChannel = 3;
constexpr std::uint64_t kBurstRows = 4096;

struct SourceFigures {
  LatencyHistogram read;
  std::atomic<std::uint64_t> reads{0};
  std::atomic<std::uint64_t> failed_readings{0};
};

class Sampler {
 public:
  Sampler(std::vector<SourceChannels> sources, const ReductionRules& rules);
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  // Once; throws std::system_error when there is no thread to be had.
  void start();
  // Ends the thread after at most one period and closes open windows; may be called twice.
  void stop();

  Ring<WindowRow>& windows() { return *windows_; }
  Ring<BurstRow>& bursts() { return *bursts_; }
  std::uint64_t ticks() const { return ticks_.load(std::memory_order_relaxed); }
  std::uint64_t missed() const { return missed_.load(std::memory_order_relaxed); }
  double cpu_seconds() const { return cpu_seconds_.load(std::memory_order_relaxed); }
  Policy policy() const { return policy_.load(std::memory_order_relaxed); }
  const LatencyHistogram& lateness() const { return lateness_; }
  const SourceFigures& figures(std::size_t source) const { return *figures_[source]; }
  std::size_t source_count() const { return sources_.size(); }

 private:
  class Sink;
  void run();
  void tick(Sink& sink);

  std::vector<SourceChannels> sources_;
  std::vector<std::vector<Reducer>> reducers_;
  std::vector<std::unique_ptr<SourceFigures>> figures_;
  ReductionRules rules_;
  std::unique_ptr<Ring<WindowRow>> windows_;
  std::unique_ptr<Ring<BurstRow>> bursts_;
  std::thread thread_;
  std::atomic<bool> is_stopping_{false};
  std::atomic<std::uint64_t> ticks_{0};
  std::atomic<std::uint64_t> missed_{0};
  std::atomic<double> cpu_seconds_{0};
  std::atomic<Policy> policy_{Policy::kPlain};
  LatencyHistogram lateness_;
};

}  // namespace sampler
