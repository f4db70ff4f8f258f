// The chain FIFO, nice, plain. FIFO needs CAP_SYS_NICE or an RTPRIO limit, nice needs CAP_SYS_NICE or a NICE limit; a short slice needs no right, and a kernel
// that knows it (6.12).

#include "schedule.h"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace sampler {

namespace {

constexpr int kBestNice = -20;
// The shortest that the kernel grants.
constexpr std::uint64_t kSliceNs = 100'000;

bool has_fifo(int priority) {
  sched_param parameters{};
  parameters.sched_priority = priority;
  return pthread_setschedparam(pthread_self(), SCHED_FIFO, &parameters) == 0;
}

id_t own_thread() { return static_cast<id_t>(syscall(SYS_gettid)); }

bool has_nice() { return setpriority(PRIO_PROCESS, own_thread(), kBestNice) == 0; }

// Of sched_setattr(2), as far as the first version goes; the C library has no name for it.
struct SchedulingAttributes {
  std::uint32_t size = sizeof(SchedulingAttributes);
  std::uint32_t policy = SCHED_OTHER;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

// Who asks for little at a time is served sooner. The nice value stays: it may be the operator's.
void ask_for_short_slice() {
  SchedulingAttributes attributes;
  attributes.nice = getpriority(PRIO_PROCESS, own_thread());
  attributes.runtime = kSliceNs;
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

void pin_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (cpu < 0 || cpu >= CPU_SETSIZE) return;
  CPU_SET(static_cast<unsigned>(cpu), &set);
  // A processor that is not there, or not ours: the scheduler goes on to choose.
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

}  // namespace

Policy raise_thread(const ScheduleRules& rules) {
  pin_to(rules.cpu);
  // The kernel may wake ordinary threads 50 us late to save wake-ups.
  prctl(PR_SET_TIMERSLACK, 1);
  if (rules.from == Policy::kFifo && has_fifo(rules.priority)) return Policy::kFifo;
  if (rules.from != Policy::kPlain && has_nice()) {
    ask_for_short_slice();
    return Policy::kNice;
  }
  ask_for_short_slice();
  return Policy::kPlain;
}

}  // namespace sampler
