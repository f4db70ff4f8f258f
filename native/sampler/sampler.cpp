// Distributes a plan over threads. See sampler.h.

#include "sampler.h"

#include <algorithm>

namespace sampler {

namespace {

std::size_t ports_of(const Plan& plan) {
  std::size_t ports = 0;
  for (const auto& source : plan.sources)
    for (const auto& part : source.parts)
      for (const auto& channel : part.channels) ports = std::max(ports, std::size_t{channel.port} + 1);
  return ports;
}

RingNeeds needs_of(const std::vector<SourcePlan>& sources, const ReductionRules& reduction, double pre_ns) {
  RingNeeds needs{0, 0, 0, reduction.window_ns, reduction.period_ns, 0, pre_ns};
  for (const auto& source : sources) {
    for (const auto& part : source.parts) {
      for (const auto& channel : part.channels) {
        needs.channels++;
        if (channel.rules.line_rate > 0) needs.burst_channels++;
        if (channel.is_captured) needs.captured_channels++;
      }
    }
  }
  return needs;
}

}  // namespace

Sampler::Sampler(Plan plan, const MakeClock& make_clock) : events_(std::make_unique<PortEvents>(ports_of(plan))) {
  const std::size_t ports = ports_of(plan);
  std::array<std::vector<SourcePlan>, 2> sources;
  for (auto& source : plan.sources) {
    auto& own = sources[source.rules.is_slow ? 1 : 0];
    places_.emplace_back(source.rules.is_slow ? 1 : 0, own.size());
    own.push_back(std::move(source));
  }
  std::array<ReductionRules, 2> reduction{plan.reduction, plan.reduction};
  reduction[1].period_ns = kSlowTickNs;
  std::array<ScheduleRules, 2> schedule{plan.schedule, plan.schedule};
  schedule[1].cpu = -1;
  // The fast thread goes before the slow one where they meet.
  schedule[1].priority = std::max(1, plan.schedule.priority - 1);
  std::array<RingNeeds, 2> needs{needs_of(sources[0], reduction[0], plan.capture.pre_ns), needs_of(sources[1], reduction[1], plan.capture.pre_ns)};
  std::array<Recorders, 2> recorders;
  if (plan.has_capture) recorders = make_recorders(sources, ports, plan.capture);
  const double channels = std::max(1.0, static_cast<double>(needs[0].channels + needs[1].channels));
  for (std::size_t i = 0; i < workers_.size(); i++) {
    if (sources[i].empty()) continue;
    needs[i].bytes = plan.ring_bytes * static_cast<double>(needs[i].channels) / channels;
    workers_[i] = std::make_unique<Worker>(std::move(sources[i]), reduction[i], schedule[i], ring_sizes(needs[i]), *events_, make_clock(), std::move(recorders[i]));
  }
}

void Sampler::start() {
  try {
    if (workers_[0]) workers_[0]->start(workers_[1].get());
    if (workers_[1]) workers_[1]->start(workers_[0].get());
  } catch (...) {
    // Nobody would stop what seems not to have been started.
    stop();
    throw;
  }
}

void Sampler::stop() {
  // Nobody wakes a thread that is gone: its memory stays until both have ended.
  for (auto& worker : workers_)
    if (worker) worker->request_stop();
  for (auto& worker : workers_)
    if (worker) worker->join();
}

double Sampler::cpu_seconds() const {
  double seconds = 0;
  for (const auto& worker : workers_)
    if (worker) seconds += worker->cpu_seconds();
  return seconds;
}

}  // namespace sampler
