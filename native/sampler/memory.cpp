// Locks what is touched, block by block: locking the whole process would take the memory of JavaScript with it.

#include "memory.h"

#include <sys/mman.h>

#include <cstring>

namespace sampler {

namespace {

// More than the deepest call of the thread needs.
constexpr std::size_t kStackBytes = 64 * 1024;

}  // namespace

void lock_stack() {
  volatile char room[kStackBytes];
  for (std::size_t i = 0; i < kStackBytes; i += 512) room[i] = 0;
  mlock(const_cast<const char*>(room), kStackBytes);
}

void lock_memory(const void* begin, std::size_t bytes) {
  if (bytes > 0) mlock(begin, bytes);
}

void unlock_memory(const void* begin, std::size_t bytes) {
  if (bytes > 0) munlock(begin, bytes);
}

}  // namespace sampler
