// See alarms.h, and timerfd_create(2): reading a timer waits for its ring, and arms it again (fs/timerfd.c).

#include "alarms.h"

#include <sys/timerfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstring>

#include "clock.h"

namespace sampler {

namespace {

// Sums of periods are not exact to the nanosecond; no two periods are as close as this.
constexpr double kSameNs = 1000;
// Two timers that ring this seldom cost as much as one that is armed each time: the kernel's own tick is earlier.
constexpr double kStepMaxNs = 1e7;

bool is_same(double a_ns, double b_ns) { return std::abs(a_ns - b_ns) <= kSameNs; }

// Where interrupts are threads these timers wait for one of them; those of clock_nanosleep do not.
bool has_threaded_interrupts() {
  utsname names{};
  return uname(&names) == 0 && std::strstr(names.version, "PREEMPT_RT") != nullptr;
}

}  // namespace

Alarms::Alarms() : timers_{-1, -1} {
  if (has_threaded_interrupts()) return;
  for (int& timer : timers_) timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
}

Alarms::~Alarms() {
  for (const int timer : timers_)
    if (timer >= 0) close(timer);
}

bool Alarms::is_steady(double deadline_ns) {
  const double step_ns = deadline_ns - deadline_ns_;
  const bool is_repeated = is_same(step_ns, step_ns_) && step_ns > kSameNs && step_ns <= kStepMaxNs;
  deadline_ns_ = deadline_ns;
  step_ns_ = step_ns;
  if (!is_repeated) return false;
  if (!is_same(step_ns, armed_step_ns_)) return arm();
  const auto steps = static_cast<std::int64_t>((deadline_ns - begin_ns_) / armed_step_ns_ + 0.5);
  turn_ = static_cast<std::size_t>(steps & 1);
  return is_same(begin_ns_ + static_cast<double>(steps) * armed_step_ns_, deadline_ns) || arm();
}

bool Alarms::arm() {
  begin_ns_ = deadline_ns_;
  armed_step_ns_ = step_ns_;
  turn_ = 0;
  double first_ns = begin_ns_;
  for (const int timer : timers_) {
    const itimerspec times{time_of(2 * step_ns_), time_of(first_ns)};
    first_ns += step_ns_;
    if (timer >= 0 && timerfd_settime(timer, TFD_TIMER_ABSTIME, &times, nullptr) == 0) continue;
    armed_step_ns_ = 0;
    return false;
  }
  return true;
}

void Alarms::wait() {
  std::uint64_t rings = 0;
  // Interrupted, or it had rung for a deadline that nobody waited for: the caller knows the time.
  [[maybe_unused]] const ssize_t size = read(timers_[turn_], &rings, sizeof rings);
}

}  // namespace sampler
