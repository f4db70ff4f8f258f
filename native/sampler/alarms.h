// Sleeps in a steady step without arming a timer in between.
//
// A timer that becomes the first one of its processor is programmed into the hardware, and in a virtual machine that leaves the guest: half of what a wake-up costs. Here two timers
// of twice the step ring in turn. The one that rang is armed again when it is read, and by then the other is the first one, which the kernel programmed when it served the interrupt.

#pragma once

#include <array>
#include <cstddef>

namespace sampler {

// Of one thread. Where the kernel gives no timers nothing is steady.
class Alarms {
 public:
  Alarms();
  ~Alarms();
  Alarms(const Alarms&) = delete;
  Alarms& operator=(const Alarms&) = delete;

  // Told of every deadline, nanoseconds of the monotonic clock: whether it follows the one before as that one followed its own, so that `wait` can be had for it.
  bool is_steady(double deadline_ns);
  // Sleeps until the deadline, or less: an alarm may have rung before.
  void wait();

 private:
  bool arm();

  std::array<int, 2> timers_;
  // The last deadline, and how long it came after the one before.
  double deadline_ns_ = 0;
  double step_ns_ = 0;
  // What the timers are armed for: the first ring of the first timer, and the time between rings of both. 0: nothing.
  double begin_ns_ = 0;
  double armed_step_ns_ = 0;
  // Which timer rings at the last deadline.
  std::size_t turn_ = 0;
};

}  // namespace sampler
