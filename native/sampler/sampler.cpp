// The loop of the sampler. See sampler.h.

#include "sampler.h"

#include <algorithm>
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

Sampler::Sampler(Plan plan) : rules_(plan.reduction), schedule_(plan.schedule) {
  std::uint64_t channels = 0;
  for (auto& source : plan.sources) {
    for (const auto& part : source.parts) channels += part.channels.size();
    add(std::move(source));
  }
  windows_ = std::make_unique<Ring<WindowRow>>(power_of_two_from(channels * kWindowsPerChannel));
  bursts_ = std::make_unique<Ring<BurstRow>>(kBurstRows);
}

void Sampler::add(SourcePlan source) {
  auto running = std::make_unique<RunningSource>();
  const double period_ns = std::max(1.0, std::ceil(source.rules.period_ns / rules_.period_ns)) * rules_.period_ns;
  ReductionRules rules = rules_;
  rules.period_ns = period_ns;
  running->figures.period_ns.set(period_ns);
  for (auto& part : source.parts) {
    Part one;
    one.reader = std::move(part.reader);
    for (const auto& channel : part.channels) one.reducers.emplace_back(channel.number, channel.rules, rules);
    running->parts.push_back(std::move(one));
  }
  running->rules = std::move(source.rules);
  sources_.push_back(std::move(running));
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
  policy_.store(raise_thread(schedule_), std::memory_order_relaxed);
  Sink sink(*this);
  double deadline_ns = monotonic_ns();
  while (!is_stopping_.load(std::memory_order_relaxed)) {
    deadline_ns += rules_.period_ns;
    sleep_until(deadline_ns);
    lateness_.add(monotonic_ns() - deadline_ns);
    tick(deadline_ns, sink);
    const double passed = std::floor((monotonic_ns() - deadline_ns) / rules_.period_ns);
    if (passed < 1) continue;
    missed_.add(static_cast<std::uint64_t>(passed));
    deadline_ns += passed * rules_.period_ns;
  }
  for (auto& source : sources_)
    for (auto& part : source->parts)
      for (auto& reducer : part.reducers) reducer.finish(sink);
  cpu_seconds_.set(seconds_of(CLOCK_THREAD_CPUTIME_ID));
}

void Sampler::tick(double deadline_ns, Sink& sink) {
  for (auto& source : sources_) {
    if (deadline_ns < source->due_ns) continue;
    source->due_ns = deadline_ns + source->figures.period_ns.get();
    read(*source, sink);
  }
  if (ticks() % kCpuTicks == 0) cpu_seconds_.set(seconds_of(CLOCK_THREAD_CPUTIME_ID));
}

void Sampler::read(RunningSource& source, Sink& sink) {
  const double begin_ns = monotonic_ns();
  for (auto& part : source.parts) {
    part.reader->read();
    const auto& readings = part.reader->readings();
    for (std::size_t i = 0; i < readings.size(); i++) {
      if (readings[i].is_known) {
        part.reducers[i].take(readings[i].value, readings[i].begin_ns, readings[i].end_ns, sink);
        continue;
      }
      source.figures.failed_readings.add(1);
      part.reducers[i].lose(sink);
    }
  }
  source.figures.read.add(monotonic_ns() - begin_ns);
}

}  // namespace sampler
