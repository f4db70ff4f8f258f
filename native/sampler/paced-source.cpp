// A source while it is sampled. See paced-source.h.

#include "paced-source.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "clock.h"

namespace sampler {

PacedSource::PacedSource(SourcePlan plan, const ReductionRules& rules, const Recorders& recorders) : rules_(plan.rules), reduction_(rules), tick_ns_(rules.period_ns), pace_(plan.rules, rules.period_ns) {
  reduction_.period_ns = pace_.period_ns(0);
  figures_.period_ns.set(reduction_.period_ns);
  for (auto& given : plan.parts) {
    Part part(std::move(given.reader));
    for (const auto& channel : given.channels) {
      State state;
      state.busy_rate = kIdleShare * channel.rules.line_rate / channel.rules.multiplier / 1e9;
      state.port = channel.port;
      state.is_event = channel.is_event;
      has_line_rate_ = has_line_rate_ || state.busy_rate > 0;
      part.states.push_back(state);
      part.reducers.emplace_back(channel.number, channel.rules, reduction_);
      record(part.reducers.back(), channel, channel.port < recorders.size() ? recorders[channel.port].get() : nullptr);
      if (std::find(ports_.begin(), ports_.end(), channel.port) == ports_.end()) ports_.push_back(channel.port);
    }
    parts_.push_back(std::move(part));
  }
}

// A capture keeps what its counters did at the shortest of their periods.
void PacedSource::record(Reducer& reducer, const Channel& channel, Recorder* recorder) const {
  if (recorder == nullptr) return;
  const double period_ns = std::max(tick_ns_, std::min(rules_.period_ns, rules_.escalated_period_ns));
  const std::size_t place = channel.is_captured ? recorder->add(channel.number, period_ns, channel.rules.line_rate > 0) : Reducer::kNoPlace;
  reducer.record(recorder, channel.is_event, place);
}

double PacedSource::read(double now_ns, Clock& clock, PortEvents& events, RowSink& sink, bool& has_event) {
  Round round{now_ns, read_ns_ == 0 ? 0 : now_ns - read_ns_, events, sink};
  double spent_ns = 0;
  double disturbed_ns = 0;
  double end_ns = now_ns;
  for (auto& part : parts_) {
    const double begin_ns = end_ns;
    part.reader->read();
    spent_ns += clock.now_ns() - begin_ns;
    disturbed_ns += part.reader->disturbed_ns();
    take(part, round);
    end_ns = clock.now_ns();
  }
  read_ns_ = now_ns;
  figures_.read.add(spent_ns);
  if (round.is_busy) pace_.note_busy(now_ns);
  if (pace_.note_reading(now_ns, spent_ns - disturbed_ns)) judge_refresh();
  has_event = has_event || round.has_event;
  return end_ns;
}

void PacedSource::take(Part& part, Round& round) {
  const bool is_in_window = part.lapses.note_reading(*part.reader, round.now_ns, reduction_);
  const std::size_t count = find_awake(part, is_in_window);
  for (std::size_t i = 0; i < count; i++) {
    const std::size_t counter = part.awake[i];
    if (!is_in_window || !moves_on(part, counter, round)) take_one(part, counter, round);
  }
  part.lapses.settle();
}

std::size_t PacedSource::find_awake(Part& part, bool is_in_window) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < part.states.size(); i++) {
    if (is_in_window && part.rest.holds(*part.reader, i)) continue;
    part.awake[count++] = static_cast<std::uint32_t>(i);
    if (is_in_window && part.steady.holds(i)) part.steady.prefetch(i);
    else part.reducers[i].prefetch();
  }
  return count;
}

// A steady counter is traffic where there is no line rate to tell, see `note_move`.
bool PacedSource::moves_on(Part& part, std::size_t counter, Round& round) {
  const std::uint32_t window = part.reader->window_of()[counter];
  if (!part.steady.holds(counter) || part.reader->is_known()[counter] == 0 || !part.lapses.is_steady(window)) return false;
  if (!part.steady.take(counter, part.lapses.now(window), part.reader->values()[counter], part.reducers[counter], round.is_busy)) return false;
  round.is_busy = round.is_busy || !has_line_rate_;
  return true;
}

void PacedSource::take_one(Part& part, std::size_t counter, Round& round) {
  State& state = part.states[counter];
  Reducer& reducer = part.reducers[counter];
  const std::uint32_t window = part.reader->window_of()[counter];
  wake(part, counter);
  if (part.reader->is_known()[counter] == 0) return lose(part, counter, round);
  const std::uint64_t value = part.reader->values()[counter];
  if (state.value != value || !state.is_known) note_move(state, reducer, value, round);
  const ReadWindow& read = part.reader->windows()[window];
  reducer.take(value, read.begin_ns, read.end_ns, round.sink);
  part.rest.begin(counter, part.lapses.now(window), value, reducer);
  part.steady.begin(counter, part.lapses.now(window), value, reducer);
}

// Before something that happens between readings.
void PacedSource::wake_all() {
  for (auto& part : parts_)
    for (std::size_t i = 0; i < part.states.size(); i++) wake(part, i);
}

void PacedSource::wake(Part& part, std::size_t counter) {
  const Lapse& before = part.lapses.before(part.reader->window_of()[counter]);
  State& state = part.states[counter];
  part.rest.wake(counter, before, part.reducers[counter]);
  if (part.steady.wake(counter, before, part.reducers[counter], state.value)) state.has_moved = true;
}

void PacedSource::note_move(State& state, const Reducer& reducer, std::uint64_t value, Round& round) {
  const bool is_first = !state.is_known;
  // A counter that went back says nothing about what happened.
  const double counts = value > state.value ? static_cast<double>(value - state.value) : 0;
  state.value = value;
  state.is_known = true;
  if (is_first || counts == 0) return;
  state.has_moved = true;
  // One that is fresh is not kept waiting until the others are judged again.
  if (pace_.refresh_ns() > 0 && reducer.refresh_ns() == 0) pace_.set_refresh(0);
  if (state.is_event) round.has_event = round.events.raise(state.port, round.now_ns, kEscalationNs) || round.has_event;
  // Where no line rate tells what is little, everything that moves is traffic.
  if (!has_line_rate_) round.is_busy = true;
  else if (state.busy_rate > 0 && counts >= state.busy_rate * std::max(round.elapsed_ns, reducer.refresh_ns())) round.is_busy = true;
}

void PacedSource::lose(Part& part, std::size_t counter, Round& round) {
  figures_.failed_readings.add(1);
  if (std::exchange(part.states[counter].is_known, false)) part.reducers[counter].lose(round.sink);
  part.reducers[counter].expire(round.now_ns, round.sink);
}

// Counters that all refresh slowly need not be read more often than that; a fresh one among them, which has 0, does. What did not move says nothing.
void PacedSource::judge_refresh() {
  double ns = std::numeric_limits<double>::infinity();
  for (auto& part : parts_)
    for (std::size_t i = 0; i < part.states.size(); i++)
      if (std::exchange(part.states[i].has_moved, false) || part.steady.holds(i)) ns = std::min(ns, part.reducers[i].refresh_ns());
  if (std::isfinite(ns)) pace_.set_refresh(ns);
}

void PacedSource::follow(double deadline_ns, double now_ns) {
  deadline_ns_ = deadline_ns;
  end_ns_ = now_ns;
  apply_period(now_ns);
  due_ns_ = deadline_ns + figures_.period_ns.get();
}

double PacedSource::skip_until(double now_ns, double next_ns) {
  if (due_ns_ > now_ns) return 0;
  const double period_ns = figures_.period_ns.get();
  const double skipped = std::floor((now_ns - due_ns_) / period_ns) + 1;
  const bool is_own_fault = due_ns_ <= end_ns_;
  due_ns_ += skipped * period_ns;
  // Sums of periods are not exact to the nanosecond.
  if (is_own_fault || due_ns_ - next_ns < tick_ns_ / 2) return skipped;
  due_ns_ = next_ns;
  return skipped - 1;
}

void PacedSource::heed(const PortEvents& events, double now_ns, double next_ns) {
  const std::uint64_t count = events.count();
  if (count == events_seen_) return;
  events_seen_ = count;
  double until_ns = 0;
  for (const unsigned port : ports_) until_ns = std::max(until_ns, events.until_ns(port));
  pace_.escalate_until(until_ns);
  apply_period(now_ns);
  due_ns_ = std::min(due_ns_, std::max(next_ns, deadline_ns_ + figures_.period_ns.get()));
}

void PacedSource::apply_period(double now_ns) {
  const double period_ns = pace_.period_ns(now_ns);
  if (period_ns == figures_.period_ns.get()) return;
  figures_.period_ns.set(reduction_.period_ns = period_ns);
  wake_all();
  for (auto& part : parts_)
    for (auto& reducer : part.reducers) reducer.set_period(period_ns);
}

void PacedSource::finish(RowSink& sink) {
  wake_all();
  for (auto& part : parts_)
    for (auto& reducer : part.reducers) reducer.finish(sink);
}

}  // namespace sampler
