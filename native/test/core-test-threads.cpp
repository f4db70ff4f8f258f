// What threads are granted, and what is refused: pthread_create of this program refuses those that a test says, and leaves the others to the library.

#include <dlfcn.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

#include "../sampler/sampler.h"
#include "core-test.h"
#include "expect.h"

namespace {

// Threads that are granted before all are refused; below 0 all are granted.
std::atomic<int> granted_threads{-1};

// Sleeps until it is called, whatever the time.
class Sleeper : public sampler::Clock {
 public:
  explicit Sleeper(std::atomic<int>& calls) : calls_(calls) {}
  double now_ns() override { return 0; }
  void sleep_until(double) override {
    std::unique_lock lock(mutex_);
    called_.wait(lock, [this] { return is_called_; });
  }
  void wake() override {
    const std::lock_guard lock(mutex_);
    is_called_ = true;
    calls_++;
    called_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable called_;
  std::atomic<int>& calls_;
  bool is_called_ = false;
};

sampler::SourcePlan source_of(const std::string& name, bool is_slow) {
  sampler::SourcePlan source;
  source.rules.name = name;
  source.rules.is_slow = is_slow;
  source.parts.push_back({std::make_unique<sampler::FileSource>(std::vector<std::string>{"/no/such/file"}), {sampler::Channel{}}});
  return source;
}

void a_start_that_fails_leaves_no_thread() {
  std::atomic<int> calls{0};
  sampler::Plan plan;
  plan.sources.push_back(source_of("fast", false));
  plan.sources.push_back(source_of("slow", true));
  sampler::Sampler sampler(std::move(plan), [&calls] { return std::make_unique<Sleeper>(calls); });
  granted_threads = 1;
  bool is_refused = false;
  try {
    sampler.start();
  } catch (const std::system_error& error) {
    is_refused = error.code().value() == EAGAIN;
  }
  granted_threads = -1;
  expect(is_refused, "the second thread is refused");
  expect(calls == 2, "the first one was told to end");
}

// Raising it again would need rights, and taking it away is not what `plain` says.
void a_plain_thread_stays_as_nice_as_it_was() {
  std::thread([] {
    const auto thread = static_cast<id_t>(syscall(SYS_gettid));
    expect(setpriority(PRIO_PROCESS, thread, 7) == 0, "a thread may be nicer than others");
    sampler::ScheduleRules rules;
    rules.from = sampler::Policy::kPlain;
    sampler::raise_thread(rules);
    expect(getpriority(PRIO_PROCESS, thread) == 7, "and stays so where it is plain");
  }).join();
}

}  // namespace

extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) {
  static const auto create = reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
  if (granted_threads == 0) return EAGAIN;
  if (granted_threads > 0) granted_threads--;
  return create(thread, attributes, run, argument);
}

void test_threads() {
  a_start_that_fails_leaves_no_thread();
  a_plain_thread_stays_as_nice_as_it_was();
}
