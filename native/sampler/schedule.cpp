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

// Above ordinary threads and below what the kernel runs for its own devices.
constexpr int kFifoPriority = 10;
constexpr int kBestNice = -20;

}  // namespace

Policy raise_thread() {
  // The kernel may wake ordinary threads 50 us late to save wake-ups.
  prctl(PR_SET_TIMERSLACK, 1);
  sched_param parameters{};
  parameters.sched_priority = kFifoPriority;
  if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters) == 0) return Policy::kFifo;
  const auto thread = static_cast<id_t>(syscall(SYS_gettid));
  if (setpriority(PRIO_PROCESS, thread, kBestNice) == 0) return Policy::kNice;
  return Policy::kPlain;
}

}  // namespace sampler
