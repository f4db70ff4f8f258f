// What the sampler's thread asks of the scheduler: SCHED_FIFO, else the best nice value, else it stays an ordinary thread.

#pragma once

namespace sampler {

enum class Policy { kFifo = 0, kNice = 1, kPlain = 2 };

// Raises the calling thread as far as it may be.
Policy raise_thread();

}  // namespace sampler
