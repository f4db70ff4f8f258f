// Readings to windows: src/roce/reducer.ts has the rules and the reasons.

#include "reducer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "delta.h"

namespace sampler {

namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();
constexpr double kShortestShare = 0.5;
constexpr double kReadShareMax = 0.2;
constexpr double kIdleHolds = 2;
// 2^(-8/8) to 2^(-1/8), as src/roce/reduction.ts has them.
constexpr std::array<double, 8> kOctaveEdges{0.5, 0.5452538663326288, 0.5946035575013605, 0.6484197773255048, 0.7071067811865476, 0.7711054127039704, 0.8408964152537145, 0.9170040432046712};

}  // namespace

Reducer::Cold::Cold(double number, const CounterRules& counter_rules, const ReductionRules& reduction)
    : refresh(counter_rules, reduction.period_ns), period_ns(reduction.period_ns), channel(number), counter(counter_rules),
      plausible_rate(kPlausibleShare * counter_rules.line_rate), bursts(number, counter_rules.line_rate, reduction), rules(reduction) {}

Reducer::Reducer(double channel, const CounterRules& counter, const ReductionRules& rules) : cold_(std::make_unique<Cold>(channel, counter, rules)) { set_period(rules.period_ns); }

void Reducer::set_period(double period_ns) {
  cold_->period_ns = period_ns;
  shortest_ns_ = kShortestShare * period_ns;
  cold_->refresh.set_period(period_ns);
  hold_ns_ = cold_->refresh.hold_ns();
}

void Reducer::record(Recorder* recorder, bool is_event, std::size_t place) {
  recorder_ = recorder;
  cold_->is_event = is_event;
  place_ = place;
}

void Reducer::take(std::uint64_t value, double begin_ns, double end_ns, RowSink& sink) {
  const double ns = (begin_ns + end_ns) / 2;
  if (ns >= window_end_ns_) roll_window(ns, sink);
  if (!has_base_) return restart(value, ns);
  if (value != latest_ && !note_change(value, ns, sink)) return;
  const double elapsed_ns = ns - mark_ns_;
  if (elapsed_ns < shortest_ns_ || end_ns - begin_ns > kReadShareMax * elapsed_ns) return;
  if (value != mark_) return move(value, ns, sink);
  if (has_held_) settle_held(sink);
  mark_ns_ = ns;
  idle_count_++;
  if (hold_ns_ == 0 ? is_wanted() : ns - base_ns_ >= kIdleHolds * hold_ns_) rest(sink);
}

// Idle time is judged at once while somebody waits for it.
bool Reducer::is_wanted() const { return has_burst_ || (place_ != kNoPlace && recorder_->until_ns() >= base_ns_); }

void Reducer::lose(RowSink& sink) {
  if (has_base_) {
    if (has_held_) settle_held(sink);
    give_idle(mark_ns_, idle_intervals(mark_ns_), sink);
    cover();
  }
  ClosedBurst burst;
  if (cold_->bursts.close(burst)) note_burst(burst, sink);
  has_base_ = has_burst_ = false;
  cold_->refresh.forget_gaps();
  hold_ns_ = cold_->refresh.hold_ns();
}

void Reducer::finish(RowSink& sink) {
  lose(sink);
  emit_window(sink);
}

void Reducer::roll_window(double ns, RowSink& sink) {
  if (has_base_ && !has_held_) close_idle(sink);
  emit_window(sink);
  cold_->window.fill(0);
  cold_->window[kChannel] = cold_->channel;
  cold_->window[kStart] = std::floor((ns + cold_->rules.align_ns) / cold_->rules.window_ns) * cold_->rules.window_ns - cold_->rules.align_ns;
  cold_->window[kEnd] = window_end_ns_ = cold_->window[kStart] + cold_->rules.window_ns;
  cold_->gap_sum_ns = cold_->gaps = 0;
}

// Idle time belongs to the window that ends, unless a burst may have gone on in it, or begun in the last refresh.
void Reducer::close_idle(RowSink& sink) {
  if (hold_ns_ > 0 && cold_->bursts.is_open()) return;
  const double until_ns = cold_->refresh.is_known_slow() ? mark_ns_ - cold_->refresh.hold_ns() : mark_ns_;
  if (until_ns > base_ns_) give_idle(until_ns, idle_intervals(until_ns), sink);
}

void Reducer::emit_window(RowSink& sink) {
  if (window_end_ns_ == kNever) return;
  if (has_base_) cover();
  cold_->window[kGapMean] = cold_->gaps == 0 ? 0 : cold_->gap_sum_ns / cold_->gaps;
  cold_->window[kTotal] = cold_->total;
  cold_->window[kRefresh] = cold_->refresh.known_ns();
  sink.window(cold_->window);
  window_end_ns_ = kNever;
}

void Reducer::cover() {
  cold_->window[kCovered] += mark_ns_ - cold_->covered_ns;
  cold_->covered_ns = mark_ns_;
}

void Reducer::restart(std::uint64_t value, double ns) {
  const bool goes_on = !std::isnan(cold_->total) && value >= latest_;
  cold_->total = goes_on ? cold_->total + static_cast<double>(value - latest_) * cold_->counter.multiplier : static_cast<double>(value) * cold_->counter.multiplier;
  has_base_ = true;
  base_is_move_ = false;
  latest_ = mark_ = value;
  base_ns_ = mark_ns_ = cold_->covered_ns = ns;
  cold_->changed_ns = cold_->moved_ns = kNever;
  idle_count_ = cold_->pending_units = 0;
}

bool Reducer::note_change(std::uint64_t value, double ns, RowSink& sink) {
  const double since_ns = cold_->refresh.is_slow() ? base_ns_ : mark_ns_;
  const Step step = step_of(latest_, value, std::max(ns - since_ns, cold_->period_ns), cold_->counter);
  if (cold_->changed_ns != kNever) {
    const double gap_ns = ns - cold_->changed_ns;
    cold_->window[kGapMin] = cold_->gaps == 0 ? gap_ns : std::min(cold_->window[kGapMin], gap_ns);
    cold_->gap_sum_ns += gap_ns;
    cold_->gaps++;
    cold_->refresh.note_gap(gap_ns, step.units);
    hold_ns_ = cold_->refresh.hold_ns();
  }
  if (is_saturated(value, cold_->counter)) cold_->window[kSaturations]++;
  cold_->window[kChanges]++;
  cold_->changed_ns = ns;
  if (step.kind == StepKind::kReset) {
    reset(value, ns, sink);
    return false;
  }
  latest_ = value;
  if (step.kind == StepKind::kWrapped) cold_->window[kWraps]++;
  cold_->window[kUnits] += step.units;
  cold_->total += step.units;
  cold_->pending_units += step.units;
  if (cold_->is_event) recorder_->note_event(cold_->channel, ns, sink);
  return true;
}

void Reducer::reset(std::uint64_t value, double ns, RowSink& sink) {
  if (has_held_) settle_held(sink);
  give_idle(mark_ns_, idle_intervals(mark_ns_), sink);
  cold_->window[kResets]++;
  cold_->total = static_cast<double>(value) * cold_->counter.multiplier;
  latest_ = mark_ = value;
  base_ns_ = mark_ns_ = ns;
  base_is_move_ = false;
  cold_->moved_ns = kNever;
  cold_->pending_units = 0;
}

void Reducer::move(std::uint64_t value, double ns, RowSink& sink) {
  const Interval moved{mark_ns_, ns - mark_ns_, cold_->pending_units};
  cold_->pending_units = 0;
  mark_ = value;
  mark_ns_ = ns;
  if (is_settled()) return give_exact(moved, sink);
  if (hold_ns_ == 0) return move_fast(moved, sink);
  if (!cold_->refresh.is_learning()) return give_span(ns, moved.units, ns - base_ns_, sink);
  if (has_held_ && cold_->refresh.proves_fresh(cold_->held.ns, moved.ns)) return cold_->refresh.is_slow() ? prove(moved, sink) : move_fast(moved, sink);
  if (has_held_) settle_held(sink);
  if (is_settled()) return give_exact(moved, sink);
  cold_->held = moved;
  has_held_ = true;
}

// Nothing is open before the last reading: the interval since then is what it looks like.
bool Reducer::is_settled() const {
  if (has_held_ || idle_count_ > 0) return false;
  return base_is_move_ ? !cold_->refresh.is_slow() : hold_ns_ == 0 && !cold_->refresh.is_learning();
}

void Reducer::move_fast(const Interval& moved, RowSink& sink) {
  give_idle(has_held_ ? cold_->held.start_ns : moved.start_ns, idle_count_, sink);
  // What is held has been proved: only without it the movement stands alone.
  const bool is_single = !has_held_ && cold_->refresh.is_learning();
  if (has_held_) give_exact(cold_->held, sink);
  has_held_ = false;
  give_exact(moved, sink, is_single ? spread_ns(moved.start_ns + moved.ns) : 0);
}

void Reducer::prove(const Interval& moved, RowSink& sink) {
  const bool follows_move = base_is_move_ && idle_count_ == 0;
  if (!follows_move) settle_held(sink);
  cold_->refresh.set_fresh();
  hold_ns_ = cold_->refresh.hold_ns();
  move_fast(moved, sink);
}

void Reducer::settle_held(RowSink& sink) {
  has_held_ = false;
  const double until_ns = cold_->held.start_ns + cold_->held.ns;
  give_span(until_ns, cold_->held.units, cold_->refresh.is_known_slow() ? until_ns - base_ns_ : cold_->held.ns, sink);
}

void Reducer::rest(RowSink& sink) {
  const double hold_ns = cold_->refresh.hold_ns();
  const double until_ns = mark_ns_ - hold_ns;
  if (cold_->refresh.is_known_slow()) return give_idle(until_ns, idle_intervals(until_ns), sink);
  const double kept = std::min(idle_count_ - 1, std::floor(hold_ns / cold_->period_ns + 0.5));
  give_idle(until_ns, idle_count_ - kept, sink);
  idle_count_ = kept;
}

// From the base on: those between readings, or between refreshes where these are longer.
double Reducer::idle_intervals(double until_ns) const {
  return cold_->refresh.is_known_slow() ? std::floor((until_ns - base_ns_) / cold_->refresh.ns() + 0.5) : idle_count_;
}

void Reducer::give_idle(double until_ns, double count, RowSink& sink) {
  if (count == 0) return;
  const Interval idle{base_ns_, until_ns - base_ns_, 0, 0, count};
  base_ns_ = until_ns;
  base_is_move_ = false;
  idle_count_ = 0;
  cold_->window[kIntervals] += count;
  if (place_ != kNoPlace) recorder_->take(place_, idle, sink);
  if (cold_->counter.line_rate == 0) return;
  cold_->window[kUtilization] += count;
  offer_burst(idle, sink);
}

void Reducer::give_span(double until_ns, double units, double active_ns, RowSink& sink) {
  const bool is_known_slow = cold_->refresh.is_known_slow();
  Interval span{base_ns_, until_ns - base_ns_, units};
  const bool is_quick = cold_->refresh.is_slow() && !is_known_slow && base_is_move_ && span.ns <= cold_->refresh.near_ns();
  span.rate = units * 1e9 / std::max(span.ns, spread_ns(until_ns));
  span.count = is_known_slow ? std::max(1.0, std::floor(span.ns / cold_->refresh.ns() + 0.5)) : idle_count_ + 1;
  base_ns_ = cold_->moved_ns = until_ns;
  base_is_move_ = true;
  idle_count_ = 0;
  // Two changes of an unknown counter close together, and no third: that may be a refresh, seen late, and the next one.
  if (is_quick) return cold_->bursts.add_doubtful(span);
  judge(span, active_ns, sink);
}

// The time in which the units of a single movement may have come together.
double Reducer::spread_ns(double until_ns) const {
  return cold_->refresh.is_known_slow() ? cold_->refresh.ns() : std::min(until_ns - cold_->moved_ns, kRefreshAssumedNs);
}

void Reducer::give_exact(Interval interval, RowSink& sink, double least_ns) {
  interval.rate = interval.units * 1e9 / std::max(interval.ns, least_ns);
  base_ns_ = cold_->moved_ns = interval.start_ns + interval.ns;
  base_is_move_ = true;
  idle_count_ = 0;
  judge(interval, interval.ns, sink);
}

void Reducer::judge(const Interval& interval, double active_ns, RowSink& sink) {
  if (cold_->counter.line_rate > 0 && interval.rate > cold_->plausible_rate) {
    cold_->window[kImplausible]++;
    return cold_->bursts.add_doubtful(interval);
  }
  count(interval, active_ns);
  if (place_ != kNoPlace) recorder_->take(place_, interval, sink);
  if (cold_->counter.line_rate > 0) offer_burst(interval, sink);
}

void Reducer::count(const Interval& interval, double active_ns) {
  cold_->window[kIntervals] += interval.count;
  cold_->window[kActive] += active_ns;
  cold_->window[kPeakUnits] = std::max(cold_->window[kPeakUnits], interval.units);
  if (interval.rate > cold_->window[kPeakRate]) {
    cold_->window[kPeakRate] = interval.rate;
    cold_->window[kPeakAt] = interval.start_ns + interval.ns;
  }
  if (cold_->counter.line_rate == 0) return;
  const double share = interval.rate / cold_->counter.line_rate;
  for (std::size_t i = 0; i < cold_->rules.threshold_count && share >= cold_->rules.thresholds[i]; i++) cold_->window[kAbove + i] += interval.ns;
  cold_->window[kUtilization + utilization_bucket(share)] += interval.count;
}

void Reducer::offer_burst(const Interval& interval, RowSink& sink) {
  if (cold_->bursts.is_calm(interval)) return cold_->bursts.pass(interval);
  ClosedBurst burst;
  const BurstEvent event = cold_->bursts.take(interval, burst);
  has_burst_ = cold_->bursts.is_open();
  if (event == BurstEvent::kEnded) note_burst(burst, sink);
  if (event == BurstEvent::kBegan && recorder_ != nullptr) recorder_->begin_burst(cold_->channel, cold_->bursts.began_ns(), sink);
}

void Reducer::note_burst(const ClosedBurst& burst, RowSink& sink) {
  if (window_end_ns_ == kNever) return;
  const double peak_rate = burst.row[4];
  cold_->window[kBursts]++;
  cold_->window[kBurstNs] += burst.row[2];
  cold_->window[kBurstUnits] += burst.row[3];
  // The burst was above a threshold in its first and last interval too, if only for a part of them.
  for (std::size_t i = 0; i < cold_->rules.threshold_count; i++) {
    const double limit = cold_->rules.thresholds[i] * cold_->counter.line_rate;
    if (peak_rate < limit) continue;
    for (const Interval& edge : burst.edges)
      if (edge.ns > 0 && edge.rate < limit) cold_->window[kAbove + i] += busy_ns(edge, peak_rate);
  }
  sink.burst(burst.row);
  if (recorder_ != nullptr) recorder_->end_burst(burst.row[1] + burst.row[2], sink);
}

// As the logarithm would have it, without one: the octave is in the exponent, and the part of it is found among its edges.
std::size_t utilization_bucket(double share) {
  if (!(share > 1.0 / 1024)) return 0;
  if (share > kOctaveEdges[7]) return kUtilizationBuckets - 1;
  std::uint64_t bits = 0;
  std::memcpy(&bits, &share, sizeof bits);
  const auto octave = static_cast<int>(bits >> 52) - 1013;
  // The share's place in its octave, from one half to one.
  bits = (bits & 0xfffffffffffff) | (std::uint64_t{1022} << 52);
  double place = 0;
  std::memcpy(&place, &bits, sizeof place);
  int part = 0;
  for (const double edge : kOctaveEdges) part += place > edge ? 1 : 0;
  return static_cast<std::size_t>(octave * 8 + part);
}

}  // namespace sampler
