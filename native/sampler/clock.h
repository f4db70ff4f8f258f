// The monotonic clock, in nanoseconds, and time as a thread of the sampler sees it, so that a test can give its own.

#pragma once

#include <atomic>
#include <cmath>
#include <ctime>

#include "alarms.h"

namespace sampler {

inline double seconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

inline double monotonic_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

inline timespec time_of(double ns) {
  const double seconds = std::floor(ns / 1e9);
  return {static_cast<time_t>(seconds), static_cast<long>(ns - seconds * 1e9)};
}

// Of one thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual double now_ns() = 0;
  // Returns at the deadline, or earlier when `wake` was called since the last sleep; one that is over in 10 ms may take no notice.
  virtual void sleep_until(double ns) = 0;
  // From any thread.
  virtual void wake() = 0;
};

class SystemClock : public Clock {
 public:
  double now_ns() override { return monotonic_ns(); }
  void sleep_until(double ns) override;
  void wake() override;

 private:
  Alarms alarms_;
  // 1 when somebody called; the kernel waits for it to change.
  std::atomic<int> is_called_{0};
};

}  // namespace sampler
