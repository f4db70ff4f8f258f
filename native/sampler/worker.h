// One thread of the sampler: sleeps until a source is due, reads and reduces, and leaves rows in rings. Deadlines lie on a grid of ticks; those that passed
// while it was late are counted and not caught up, but for the last one of a source that is read more seldom. All memory is taken before it starts.

#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "paced-source.h"
#include "ring-sizes.h"
#include "ring.h"

namespace sampler {

// Rows of one thread on their way to the reader.
struct Rings {
  explicit Rings(const RingSizes& sizes) : windows(sizes.windows), bursts(sizes.bursts), captures(sizes.captures), capture_starts(sizes.capture_starts) {}
  Ring<WindowRow> windows;
  Ring<BurstRow> bursts;
  Ring<CaptureRow> captures;
  Ring<CaptureStart> capture_starts;
};

class Worker {
 public:
  // `reduction.period_ns` is the tick. `events` is shared with the other thread and outlives both.
  Worker(std::vector<SourcePlan> sources, const ReductionRules& reduction, const ScheduleRules& schedule, const RingSizes& sizes, PortEvents& events, std::unique_ptr<Clock> clock,
         Recorders recorders = {});
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Once; throws std::system_error when there is no thread to be had. `peer` is woken when an event begins; it may be null.
  void start(Worker* peer);
  // From any thread; the thread ends when the source that it reads is read, and closes open windows.
  void request_stop();
  // Waits for that; its memory is like any other then.
  void join();
  // What the thread does.
  void run();
  void wake() { clock_->wake(); }

  Rings& rings() { return rings_; }
  std::uint64_t missed() const { return missed_.get(); }
  double cpu_seconds() const { return cpu_seconds_.get(); }
  Policy policy() const { return policy_.load(std::memory_order_relaxed); }
  const Durations& lateness() const { return lateness_; }
  const PacedSource& source(std::size_t index) const { return *sources_[index]; }

 private:
  class Sink;
  double earliest_ns() const;
  double tick(double deadline_ns, double now_ns, Sink& sink);
  void count_missed(double now_ns, double next_ns);
  template <typename Visit>
  void visit_memory(Visit visit) const;

  double tick_ns_;
  ScheduleRules schedule_;
  PortEvents& events_;
  std::unique_ptr<Clock> clock_;
  Recorders recorders_;
  std::vector<std::unique_ptr<PacedSource>> sources_;
  Rings rings_;
  Worker* peer_ = nullptr;
  double grid_ns_ = 0;
  std::thread thread_;
  bool is_locked_ = true;
  std::atomic<bool> is_stopping_{false};
  Tally<std::uint64_t> missed_;
  Tally<double> cpu_seconds_;
  std::atomic<Policy> policy_{Policy::kPlain};
  Durations lateness_;
};

}  // namespace sampler
