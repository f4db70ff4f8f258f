// Memory that a thread touches stays in RAM, where that is allowed: a page that has to be fetched costs more than a tick.

#pragma once

#include <cstddef>

namespace sampler {

// Touches the calling thread's stack and locks it.
void lock_stack();
// Locks whole pages around the block; as far as the limit goes, and without a word where it does not.
void lock_memory(const void* begin, std::size_t bytes);
void unlock_memory(const void* begin, std::size_t bytes);

}  // namespace sampler
