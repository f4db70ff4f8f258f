// What the programs of the test bed share: they end with whoever started them, run with real-time priority where that is allowed, and wait for moments
// of the monotonic clock.

#pragma once

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#include <cerrno>
#include <ctime>

#include "../sampler/clock.h"

namespace testbed {

// Not even a crash of the benchmark leaves one behind.
inline void end_with_parent() { prctl(PR_SET_PDEATHSIG, SIGKILL); }

// SCHED_FIFO for the calling thread; false where it is not allowed.
inline bool raise_thread(int priority) {
  prctl(PR_SET_TIMERSLACK, 1);
  sched_param parameters{};
  parameters.sched_priority = priority;
  return pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters) == 0;
}

inline bool pin_thread(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  return pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0;
}

inline void sleep_until(double ns) {
  const timespec deadline = sampler::time_of(ns);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr) == EINTR) {
  }
}

}  // namespace testbed
