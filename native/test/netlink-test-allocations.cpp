// Counts what each thread of the test program allocates. In a file of its own, so that no call is inlined: the compiler would take these for others than those of the library.

#include <cstdlib>
#include <new>

#include "netlink-test.h"

namespace {

thread_local unsigned long allocations = 0;

}  // namespace

unsigned long allocations_of_this_thread() { return allocations; }

void* operator new(std::size_t size) {
  allocations++;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
