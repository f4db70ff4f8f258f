// The chain FIFO, nice, plain. FIFO needs CAP_SYS_NICE or an RTPRIO limit, nice needs CAP_SYS_NICE or a NICE limit.

#include "schedule.h"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sampler {

namespace {

constexpr int kBestNice = -20;

bool has_fifo(int priority) {
  sched_param parameters{};
  parameters.sched_priority = priority;
  return pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters) == 0;
}

bool has_nice() {
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  return setpriority(PRIO_PROCESS, thread, kBestNice) == 0;
}

}  // namespace

Policy raise_thread(const ScheduleRules& rules) {
  // The kernel may wake ordinary threads 50 us late to save wake-ups.
  prctl(PR_SET_TIMERSLACK, 1);
  if (rules.from == Policy::kFifo && has_fifo(rules.priority)) return Policy::kFifo;
  if (rules.from != Policy::kPlain && has_nice()) return Policy::kNice;
  return Policy::kPlain;
}

}  // namespace sampler
