// Wakes up at fixed moments and does nothing else, which serves two ends. With threads on processors, at a priority that leaves little before them, it is a canary: when it did
// not run for long, nothing could, so the host took the processor away. With one thread anywhere it is the empty loop whose cost any sampler has, and with `ask` the plain one that has
// the kernel tell of all interfaces each time and reads nothing of it.
//
// canary <period us> <stall us> <priority> <processors, with commas; -1 for wherever the scheduler likes> [ask]
//
// A thread for each processor. Ends when its input does. Prints `stall <begin ns> <end ns>` for every time without a wake-up that was longer than period and stall together, then
// `loop <fifo|plain> <seconds> <cpu seconds> <ticks> <p99 lateness ns> <most>` for each thread.

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "../sampler/durations.h"
#include "../sampler/source.h"
#include "realtime.h"

namespace {

constexpr std::size_t kStallsMax = 4096;

struct Stall {
  double begin_ns = 0;
  double end_ns = 0;
};

struct Settings {
  double period_ns, stall_ns;
  int priority;
  bool asks;
};

// The kernel's answer about all interfaces, part by part.
class Question {
 public:
  explicit Question(bool asks) : socket_(asks ? sampler::open_netlink_socket(NETLINK_ROUTE) : -1), buffer_(sampler::link_buffer_bytes(static_cast<std::size_t>(sysconf(_SC_PAGESIZE)))) {
    request_.header.nlmsg_len = sizeof request_;
    request_.header.nlmsg_type = RTM_GETSTATS;
    request_.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request_.stats.filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64);
  }
  ~Question() {
    if (socket_ >= 0) close(socket_);
  }
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  void ask() {
    if (socket_ < 0) return;
    request_.header.nlmsg_seq++;
    if (send(socket_, &request_, sizeof request_, 0) < 0) std::abort();
    while (!is_over(recv(socket_, buffer_.data(), buffer_.size(), 0))) {
    }
  }

 private:
  bool is_over(ssize_t size) const {
    if (size <= 0) std::abort();
    sampler::Bytes part{buffer_.data(), static_cast<std::size_t>(size)};
    nlmsghdr header;
    for (sampler::Bytes body; sampler::take_message(part, header, body);)
      if (header.nlmsg_type == NLMSG_DONE) return true;
    return false;
  }

  struct {
    nlmsghdr header;
    if_stats_msg stats;
  } request_{};
  const int socket_;
  std::vector<char> buffer_;
};

class Watch {
 public:
  Watch(const Settings& settings, int cpu) : settings_(settings), question_(settings.asks), stalls_(kStallsMax), thread_([this, cpu] { run(cpu); }) {}

  void finish() {
    is_stopping_.store(true, std::memory_order_relaxed);
    thread_.join();
    for (std::size_t i = 0; i < std::min(stall_count_, kStallsMax); i++) std::printf("stall %.0f %.0f\n", stalls_[i].begin_ns, stalls_[i].end_ns);
    std::printf("loop %s %.6f %.6f %.0f %.0f %.0f\n", is_fifo_ ? "fifo" : "plain", seconds_, cpu_seconds_, ticks_, lateness_.quantile(0.99), lateness_.max());
  }

 private:
  void run(int cpu) {
    if (cpu >= 0) testbed::pin_thread(cpu);
    is_fifo_ = testbed::raise_thread(settings_.priority);
    const double begin_ns = sampler::monotonic_ns();
    const double begin_cpu = sampler::seconds_of(CLOCK_THREAD_CPUTIME_ID);
    double before_ns = begin_ns;
    double deadline_ns = begin_ns;
    while (!is_stopping_.load(std::memory_order_relaxed)) {
      deadline_ns += settings_.period_ns;
      testbed::sleep_until(deadline_ns);
      const double now_ns = sampler::monotonic_ns();
      lateness_.add(now_ns - deadline_ns);
      if (now_ns - before_ns > settings_.period_ns + settings_.stall_ns) note({before_ns, now_ns});
      before_ns = now_ns;
      ticks_++;
      question_.ask();
      while (deadline_ns + settings_.period_ns < now_ns) deadline_ns += settings_.period_ns;
    }
    seconds_ = (sampler::monotonic_ns() - begin_ns) / 1e9;
    cpu_seconds_ = sampler::seconds_of(CLOCK_THREAD_CPUTIME_ID) - begin_cpu;
  }

  void note(const Stall& stall) {
    if (stall_count_ < kStallsMax) stalls_[stall_count_] = stall;
    stall_count_++;
  }

  Settings settings_;
  Question question_;
  std::atomic<bool> is_stopping_{false};
  // Read after the thread has ended.
  std::vector<Stall> stalls_;
  std::size_t stall_count_ = 0;
  sampler::Durations lateness_;
  double ticks_ = 0, seconds_ = 0, cpu_seconds_ = 0;
  bool is_fifo_ = false;
  std::thread thread_;
};

}  // namespace

int main(int count, char** arguments) {
  testbed::end_with_parent();
  const bool asks = count == 6 && arguments[5] == std::string_view("ask");
  if (count != 5 && !asks) return 2;
  const Settings settings{std::atof(arguments[1]) * 1e3, std::atof(arguments[2]) * 1e3, std::atoi(arguments[3]), asks};
  if (!(settings.period_ns >= 1e4)) return 2;
  mlockall(MCL_CURRENT | MCL_FUTURE);
  std::vector<std::unique_ptr<Watch>> watches;
  std::istringstream processors(arguments[4]);
  for (std::string cpu; std::getline(processors, cpu, ',');) watches.push_back(std::make_unique<Watch>(settings, std::atoi(cpu.c_str())));
  std::printf("ready\n");
  std::fflush(stdout);
  char sink[64];
  while (read(STDIN_FILENO, sink, sizeof sink) > 0) {
  }
  for (auto& watch : watches) watch->finish();
  return 0;
}
