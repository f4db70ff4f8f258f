// The sampler's thread: sleeps until an absolute deadline, reads all sources, reduces the readings and leaves rows in two rings. Deadlines that
// passed while it was late are counted and never caught up. All memory is taken before it starts.

#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "durations.h"
#include "plan.h"
#include "reducer.h"
#include "ring.h"

namespace sampler {

// Powers of two. Windows of every channel end together: the ring takes three of them from each.
constexpr std::uint64_t kWindowsPerChannel = 3;
constexpr std::uint64_t kBurstRows = 4096;

struct SourceFigures {
  Durations read;
  Tally<std::uint64_t> failed_readings;
  Tally<double> period_ns;
};

class Sampler {
 public:
  explicit Sampler(Plan plan);
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  // Once; throws std::system_error when there is no thread to be had.
  void start();
  // Ends the thread after at most one period and closes open windows; may be called twice.
  void stop();

  Ring<WindowRow>& windows() { return *windows_; }
  Ring<BurstRow>& bursts() { return *bursts_; }
  std::uint64_t ticks() const { return lateness_.count(); }
  std::uint64_t missed() const { return missed_.get(); }
  double cpu_seconds() const { return cpu_seconds_.get(); }
  Policy policy() const { return policy_.load(std::memory_order_relaxed); }
  const Durations& lateness() const { return lateness_; }
  const std::string& name(std::size_t source) const { return sources_[source]->rules.name; }
  const SourceFigures& figures(std::size_t source) const { return sources_[source]->figures; }
  std::size_t source_count() const { return sources_.size(); }

 private:
  class Sink;
  struct Part {
    std::unique_ptr<Source> reader;
    std::vector<Reducer> reducers;
  };
  struct RunningSource {
    SourceRules rules;
    std::vector<Part> parts;
    double due_ns = 0;
    SourceFigures figures;
  };
  void add(SourcePlan source);
  void run();
  void tick(double deadline_ns, Sink& sink);
  void read(RunningSource& source, Sink& sink);

  ReductionRules rules_;
  ScheduleRules schedule_;
  std::vector<std::unique_ptr<RunningSource>> sources_;
  std::unique_ptr<Ring<WindowRow>> windows_;
  std::unique_ptr<Ring<BurstRow>> bursts_;
  std::thread thread_;
  std::atomic<bool> is_stopping_{false};
  Tally<std::uint64_t> missed_;
  Tally<double> cpu_seconds_;
  std::atomic<Policy> policy_{Policy::kPlain};
  Durations lateness_;
};

}  // namespace sampler
