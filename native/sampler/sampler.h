// The sampler: a fast thread, and a slow one where a source may block, each with its own rings. Both tell each other of events at ports, and nothing else.

#pragma once

#include <array>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "worker.h"

namespace sampler {

// No source of the slow thread needs to be more punctual; src/roce/sampler.ts has it too.
constexpr double kSlowTickNs = 1e7;

class Sampler {
 public:
  using MakeClock = std::function<std::unique_ptr<Clock>()>;

  explicit Sampler(Plan plan, const MakeClock& make_clock = [] { return std::make_unique<SystemClock>(); });
  ~Sampler() { stop(); }
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  // Once; throws std::system_error when there is no thread to be had, and then none runs.
  void start();
  // Ends the threads after what they read just now and closes open windows; may be called twice.
  void stop();

  // Calls back with the rings of each thread.
  template <typename Visit>
  void visit_rings(Visit visit) {
    for (auto& worker : workers_)
      if (worker) visit(worker->rings());
  }
  // The thread whose punctuality counts: the fast one where there is one; null without any source.
  const Worker* leader() const { return workers_[0] ? workers_[0].get() : workers_[1].get(); }
  double cpu_seconds() const;
  std::size_t source_count() const { return places_.size(); }
  // In the order of the plan.
  const PacedSource& source(std::size_t index) const { return workers_[places_[index].first]->source(places_[index].second); }

 private:
  std::unique_ptr<PortEvents> events_;
  // Fast, slow.
  std::array<std::unique_ptr<Worker>, 2> workers_;
  // Thread and number there.
  std::vector<std::pair<std::size_t, std::size_t>> places_;
};

}  // namespace sampler
