// Sends square bursts of raw Ethernet frames and says when it really did: the ground truth of `npm run bench -- roce`. Frames leave at even distances, paced by a
// busy loop, past the queueing discipline; between bursts it sleeps. What an interrupt delays is caught
// up at once; what came later than that moves everything after it and is told as stretched: whoever compares leaves out the bursts that the machine disturbed.
//
// burst-generator <interfaces, with commas> <burst us> <bursts> <bytes per second> <bytes per frame> <least gap us> <most gap us> <seed> <processor, -1 for any>
//
// Frames go to the interfaces in turn. Prints `policy fifo` or `policy plain`, and for each burst `burst <begin ns> <end ns> <bytes> <stretched ns>`.

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "realtime.h"

namespace {

// Above the sampler and the canary, which find another processor: a burst with holes is no square burst.
constexpr int kPriority = 60;
// Of the local experimental range: nobody takes these frames, and none is answered.
constexpr std::uint16_t kEtherType = 0x88b5;
// A wake-up may come so late.
constexpr double kSpinNs = 200'000;
// Lateness that the next frames catch up, a few hundredths of what a sampler can see: an interrupt takes so long.
constexpr double kLatenessNs = 30'000;

struct Burst {
  double begin_ns = 0;
  double end_ns = 0;
  double bytes = 0;
  double stretched_ns = 0;
};

struct Plan {
  std::vector<int> sockets;
  double burst_ns, rate, frame_bytes, gap_least_ns, gap_most_ns;
  std::size_t bursts;
};

int open_socket(const std::string& interface) {
  // Protocol 0: nothing is received.
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  const int on = 1;
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
  if (fd < 0 || address.sll_ifindex == 0 || setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0 ||
      bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    std::perror(interface.c_str());
    std::exit(1);
  }
  return fd;
}

std::vector<char> frame_of(std::size_t bytes) {
  std::vector<char> frame(std::max<std::size_t>(bytes, 60), 0);
  // From and to addresses of nobody, locally administered.
  frame[0] = frame[6] = 2;
  frame[5] = 1;
  frame[12] = static_cast<char>(kEtherType >> 8);
  frame[13] = static_cast<char>(kEtherType & 0xff);
  return frame;
}

void spin_until(double ns) {
  while (sampler::monotonic_ns() < ns) {
  }
}

Burst send_burst(const Plan& plan, const std::vector<char>& frame, double begin_ns) {
  const double frame_ns = static_cast<double>(frame.size()) * 1e9 / plan.rate;
  const auto frames = std::max<std::size_t>(1, static_cast<std::size_t>(plan.burst_ns / frame_ns));
  Burst burst;
  spin_until(begin_ns);
  double next_ns = burst.begin_ns = sampler::monotonic_ns();
  for (std::size_t i = 0; i < frames; i++) {
    spin_until(next_ns);
    const double late_ns = sampler::monotonic_ns() - next_ns;
    if (late_ns > kLatenessNs) {
      burst.stretched_ns += late_ns;
      next_ns += late_ns;
    }
    // A full queue of the other end would lose the frame after it was counted: still true.
    if (send(plan.sockets[i % plan.sockets.size()], frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size())) burst.bytes += static_cast<double>(frame.size());
    next_ns += frame_ns;
  }
  burst.end_ns = next_ns;
  return burst;
}

Plan plan_of(char** arguments) {
  Plan plan{};
  std::istringstream names(arguments[1]);
  for (std::string name; std::getline(names, name, ',');) plan.sockets.push_back(open_socket(name));
  plan.burst_ns = std::atof(arguments[2]) * 1e3;
  plan.bursts = static_cast<std::size_t>(std::atol(arguments[3]));
  plan.rate = std::atof(arguments[4]);
  plan.frame_bytes = std::atof(arguments[5]);
  plan.gap_least_ns = std::atof(arguments[6]) * 1e3;
  plan.gap_most_ns = std::atof(arguments[7]) * 1e3;
  return plan;
}

}  // namespace

int main(int count, char** arguments) {
  testbed::end_with_parent();
  if (count != 10) return 2;
  const Plan plan = plan_of(arguments);
  if (plan.sockets.empty() || !(plan.rate > 0) || !(plan.frame_bytes >= 60 && plan.frame_bytes <= 1514)) return 2;
  std::mt19937_64 random(std::strtoull(arguments[8], nullptr, 10));
  std::uniform_real_distribution<double> gap(plan.gap_least_ns, plan.gap_most_ns);
  const std::vector<char> frame = frame_of(static_cast<std::size_t>(plan.frame_bytes));
  std::vector<Burst> bursts(plan.bursts);
  mlockall(MCL_CURRENT);
  if (const int cpu = std::atoi(arguments[9]); cpu >= 0 && !testbed::pin_thread(cpu)) return 2;
  std::printf("policy %s\n", testbed::raise_thread(kPriority) ? "fifo" : "plain");
  double next_ns = sampler::monotonic_ns();
  for (auto& burst : bursts) {
    next_ns = std::max(next_ns, sampler::monotonic_ns()) + gap(random);
    testbed::sleep_until(next_ns - kSpinNs);
    burst = send_burst(plan, frame, next_ns);
    next_ns = burst.end_ns;
  }
  for (const auto& burst : bursts) std::printf("burst %.0f %.0f %.0f %.0f\n", burst.begin_ns, burst.end_ns, burst.bytes, burst.stretched_ns);
  return 0;
}
