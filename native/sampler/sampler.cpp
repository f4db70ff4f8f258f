// The loop of the sampler. See sampler.h.

#include "sampler.h"

#include <cerrno>
#include <cmath>
#include <ctime>
#include <utility>

#include "clock.h"

namespace sampler {

namespace {

// Reading the thread's CPU time is a system call: not at every tick.
constexpr std::uint64_t kCpuTicks = 64;

std::uint64_t power_of_two_from(std::uint64_t least) {
  std::uint64_t power = 1;
  while (power < least) power *= 2;
  return power;
}

void sleep_until(double ns) {
  const double seconds = std::floor(ns / 1e9);
  const timespec deadline{static_cast<time_t>(seconds), static_cast<long>(ns - seconds * 1e9)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &deadline, nullptr) == EINTR) {
  }
}

}  // namespace

class Sampler::Sink : public RowSink {
 public:
  explicit Sink(Sampler& owner) : owner_(owner) {}
  void window(const WindowRow& row) override { owner_.windows_->push(row); }
  void burst(const BurstRow& row) override { owner_.bursts_->push(row); }

 private:
  Sampler& owner_;
};

Sampler::Sampler(std::vector<SourceChannels> sources, const ReductionRules& rules) : sources_(std::move(sources)), rules_(rules) {
  std::uint64_t channels = 0;
  for (const auto& source : sources_) {
    std::vector<Reducer> reducers;
    for (const auto& channel : source.channels) reducers.emplace_back(channel.number, channel.rules, rules_);
    channels += reducers.size();
    reducers_.push_back(std::move(reducers));
    figures_.push_back(std::make_unique<SourceFigures>());
  }
  windows_ = std::make_unique<Ring<WindowRow>>(power_of_two_from(channels * kWindowsPerChannel));
  bursts_ = std::make_unique<Ring<BurstRow>>(kBurstRows);
}

Sampler::~Sampler() { stop(); }

void Sampler::start() {
  thread_ = std::thread([this] { run(); });
}

void Sampler::stop() {
  is_stopping_.store(true, std::memory_order_relaxed);
  if (thread_.joinable()) thread_.join();
}

void Sampler::run() {
  policy_.store(raise_thread(), std::memory_order_relaxed);
  Sink sink(*this);
  double deadline_ns = monotonic_ns();
  while (!is_stopping_.load(std::memory_order_relaxed)) {
    deadline_ns += rules_.period_ns;
    sleep_until(deadline_ns);
    lateness_.add(monotonic_ns() - deadline_ns);
    tick(sink);
    const double passed = std::floor((monotonic_ns() - deadline_ns) / rules_.period_ns);
    if (passed < 1) continue;
    missed_.fetch_add(static_cast<std::uint64_t>(passed), std::memory_order_relaxed);
    deadline_ns += passed * rules_.period_ns;
  }
  for (auto& reducers : reducers_)
    for (auto& reducer : reducers) reducer.finish(sink);
  cpu_seconds_.store(seconds_of(CLOCK_THREAD_CPUTIME_ID), std::memory_order_relaxed);
}

void Sampler::tick(Sink& sink) {
  for (std::size_t s = 0; s < sources_.size(); s++) {
    const double begin_ns = monotonic_ns();
    sources_[s].source->read();
    figures_[s]->read.add(monotonic_ns() - begin_ns);
    figures_[s]->reads.fetch_add(1, std::memory_order_relaxed);
    const auto& readings = sources_[s].source->readings();
    for (std::size_t i = 0; i < readings.size(); i++) {
      if (readings[i].is_known) {
        reducers_[s][i].take(readings[i].value, readings[i].begin_ns, readings[i].end_ns, sink);
        continue;
      }
      figures_[s]->failed_readings.fetch_add(1, std::memory_order_relaxed);
      reducers_[s][i].lose(sink);
    }
  }
  const std::uint64_t ticks = ticks_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (ticks % kCpuTicks == 0) cpu_seconds_.store(seconds_of(CLOCK_THREAD_CPUTIME_ID), std::memory_order_relaxed);
}

}  // namespace sampler
