// What the sampler's threads ask of the system: SCHED_FIFO, else the best nice value with a short slice, else they stay ordinary threads.

#pragma once

namespace sampler {

enum class Policy { kFifo = 0, kNice = 1, kPlain = 2 };

struct ScheduleRules {
  // Where the chain begins.
  Policy from = Policy::kFifo;
  // Of SCHED_FIFO.
  int priority = 10;
  // The processor of the fast thread; below 0 it is the scheduler's choice.
  int cpu = -1;
};

// Raises the calling thread as far as it may be.
Policy raise_thread(const ScheduleRules& rules);

}  // namespace sampler
