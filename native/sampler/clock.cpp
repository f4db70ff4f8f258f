// A sleep that ends at an absolute time of the monotonic clock or by a call: a futex takes such a deadline and is as punctual as clock_nanosleep. Short sleeps are not worth it: they end
// soon, and a futex costs more, 8 us of processor time between ticks 10 ms apart. Those in a steady step cost less still.

#include "clock.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sampler {

namespace {

// A call waits so long at most: a tick of the slow thread, which would not be earlier for it.
constexpr double kShortNs = 1e7;

}  // namespace

void SystemClock::sleep_until(double ns) {
  const timespec deadline = time_of(ns);
  const bool is_steady = alarms_.is_steady(ns);
  // Interrupted by a signal, or returned for no reason: sleeps on.
  while (is_called_.load(std::memory_order_acquire) == 0) {
    const double left_ns = ns - monotonic_ns();
    if (left_ns <= 0) break;
    if (is_steady) alarms_.wait();
    else if (left_ns <= kShortNs) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr);
    else syscall(SYS_futex, &is_called_, FUTEX_WAIT_BITSET_PRIVATE, 0, &deadline, nullptr, FUTEX_BITSET_MATCH_ANY);
  }
  // What the caller wrote before is seen after this: a store alone could wait until the caller's own has been overwritten by it, and the call would be lost.
  is_called_.exchange(0, std::memory_order_acq_rel);
}

void SystemClock::wake() {
  is_called_.store(1, std::memory_order_release);
  syscall(SYS_futex, &is_called_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

}  // namespace sampler
