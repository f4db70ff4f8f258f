// Readings to windows: src/roce/reducer.ts has the rules and the reasons.

#include "reducer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "delta.h"

namespace sampler {

namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();
constexpr double kIdleHolds = 2;
// 2^(-8/8) to 2^(-1/8), as src/roce/reduction.ts has them.
constexpr std::array<double, 8> kOctaveEdges{0.5, 0.5452538663326288, 0.5946035575013605, 0.6484197773255048, 0.7071067811865476, 0.7711054127039704, 0.8408964152537145, 0.9170040432046712};

}  // namespace

Reducer::Reducer(double channel, const CounterRules& counter, const ReductionRules& rules)
    : period_ns_(rules.period_ns), counter_(counter), plausible_rate_(kPlausibleShare * counter.line_rate), channel_(channel), refresh_(counter, rules.period_ns),
      bursts_(channel, counter.line_rate, rules), rules_(rules) {
  set_period(rules.period_ns);
}

void Reducer::set_period(double period_ns) {
  period_ns_ = period_ns;
  shortest_ns_ = shortest_interval_ns(period_ns);
  refresh_.set_period(period_ns);
}

void Reducer::record(Recorder* recorder, bool is_event, std::size_t place) {
  recorder_ = recorder;
  is_event_ = is_event;
  place_ = place;
}

void Reducer::take(std::uint64_t value, double begin_ns, double end_ns, RowSink& sink) {
  const double ns = (begin_ns + end_ns) / 2;
  if (ns >= window_end_ns_) roll_window(ns, sink);
  if (!has_base_) return restart(value, ns);
  if (value != latest_ && !note_change(value, ns, sink)) return;
  const double elapsed_ns = ns - mark_ns_;
  if (!ends_interval(elapsed_ns, end_ns - begin_ns, shortest_ns_)) return;
  if (value != mark_) return move(value, ns, sink);
  if (has_held_) settle_held(sink);
  mark_ns_ = ns;
  idle_count_++;
  if (refresh_.hold_ns() == 0 ? is_wanted() : ns - base_ns_ >= kIdleHolds * refresh_.hold_ns()) rest(sink);
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
  if (bursts_.close(burst)) note_burst(burst, sink);
  has_base_ = has_burst_ = false;
  refresh_.forget_gaps();
}

void Reducer::finish(RowSink& sink) {
  lose(sink);
  emit_window(sink);
}

void Reducer::roll_window(double ns, RowSink& sink) {
  if (has_base_ && !has_held_) close_idle(sink);
  emit_window(sink);
  window_.fill(0);
  window_[kChannel] = channel_;
  window_[kEnd] = window_end_ns_ = window_end_ns(rules_, ns);
  window_[kStart] = window_end_ns_ - rules_.window_ns;
  gap_sum_ns_ = gaps_ = 0;
}

// Idle time belongs to the window that ends, unless a burst may have gone on in it, or begun in the last refresh.
void Reducer::close_idle(RowSink& sink) {
  if (refresh_.hold_ns() > 0 && bursts_.is_open()) return;
  const double until_ns = refresh_.is_known_slow() ? mark_ns_ - refresh_.hold_ns() : mark_ns_;
  if (until_ns > base_ns_) give_idle(until_ns, idle_intervals(until_ns), sink);
}

void Reducer::emit_window(RowSink& sink) {
  if (window_end_ns_ == kNever) return;
  if (has_base_) cover();
  window_[kGapMin] = gaps_ == 0 ? 0 : gap_min_ns_;
  window_[kGapMean] = gaps_ == 0 ? 0 : gap_sum_ns_ / gaps_;
  window_[kTotal] = total_;
  window_[kRefresh] = refresh_.known_ns();
  sink.window(window_);
  window_end_ns_ = kNever;
}

void Reducer::cover() {
  window_[kCovered] += mark_ns_ - covered_ns_;
  covered_ns_ = mark_ns_;
}

void Reducer::restart(std::uint64_t value, double ns) {
  const bool goes_on = !std::isnan(total_) && value >= latest_;
  total_ = goes_on ? total_ + static_cast<double>(value - latest_) * counter_.multiplier : static_cast<double>(value) * counter_.multiplier;
  has_base_ = true;
  base_is_move_ = false;
  latest_ = mark_ = value;
  base_ns_ = mark_ns_ = covered_ns_ = ns;
  changed_ns_ = moved_ns_ = kNever;
  idle_count_ = pending_units_ = 0;
}

void Reducer::make_up(const Moves& moves) {
  const double passed_ns = moves.mark_ns - mark_ns_;
  const double units = static_cast<double>(moves.value - latest_) * counter_.multiplier;
  gap_min_ns_ = gaps_ == 0 ? moves.gap_min_ns : std::min(gap_min_ns_, moves.gap_min_ns);
  gap_sum_ns_ += passed_ns;
  gaps_ += moves.count;
  refresh_.forget_gaps();
  window_[kChanges] += moves.count;
  window_[kUnits] += units;
  total_ += units;
  latest_ = mark_ = moves.value;
  base_ns_ = moved_ns_ = changed_ns_ = mark_ns_ = moves.mark_ns;
  window_[kIntervals] += moves.count;
  window_[kActive] += passed_ns;
  note_peak(moves.peak_units, moves.peak_rate, moves.peak_at_ns);
  if (counter_.line_rate > 0) bursts_.pass(moves.last);
}

bool Reducer::note_change(std::uint64_t value, double ns, RowSink& sink) {
  const double since_ns = refresh_.is_slow() ? base_ns_ : mark_ns_;
  const Step step = step_of(latest_, value, std::max(ns - since_ns, period_ns_), counter_);
  if (changed_ns_ != kNever) {
    const double gap_ns = ns - changed_ns_;
    gap_min_ns_ = gaps_ == 0 ? gap_ns : std::min(gap_min_ns_, gap_ns);
    gap_sum_ns_ += gap_ns;
    gaps_++;
    refresh_.note_gap(gap_ns, step.units);
  }
  if (is_saturated(value, counter_)) window_[kSaturations]++;
  window_[kChanges]++;
  changed_ns_ = ns;
  if (step.kind == StepKind::kReset) {
    reset(value, ns, sink);
    return false;
  }
  latest_ = value;
  if (step.kind == StepKind::kWrapped) window_[kWraps]++;
  window_[kUnits] += step.units;
  total_ += step.units;
  pending_units_ += step.units;
  if (is_event_) recorder_->note_event(channel_, ns, sink);
  return true;
}

void Reducer::reset(std::uint64_t value, double ns, RowSink& sink) {
  if (has_held_) settle_held(sink);
  give_idle(mark_ns_, idle_intervals(mark_ns_), sink);
  window_[kResets]++;
  total_ = static_cast<double>(value) * counter_.multiplier;
  latest_ = mark_ = value;
  base_ns_ = mark_ns_ = ns;
  base_is_move_ = false;
  moved_ns_ = kNever;
  idle_count_ = pending_units_ = 0;
}

void Reducer::move(std::uint64_t value, double ns, RowSink& sink) {
  const Interval moved{mark_ns_, ns - mark_ns_, pending_units_};
  pending_units_ = 0;
  mark_ = value;
  mark_ns_ = ns;
  if (is_settled()) return give_exact(moved, sink);
  if (refresh_.hold_ns() == 0) return move_fast(moved, sink);
  if (!refresh_.is_learning()) return give_span(ns, moved.units, ns - base_ns_, sink);
  if (has_held_ && refresh_.proves_fresh(held_.ns, moved.ns)) return refresh_.is_slow() ? prove(moved, sink) : move_fast(moved, sink);
  if (has_held_) settle_held(sink);
  if (is_settled()) return give_exact(moved, sink);
  held_ = moved;
  has_held_ = true;
}

// Nothing is open before the last reading: the interval since then is what it looks like.
bool Reducer::is_settled() const {
  if (has_held_ || idle_count_ > 0) return false;
  return base_is_move_ ? !refresh_.is_slow() : refresh_.hold_ns() == 0 && !refresh_.is_learning();
}

void Reducer::move_fast(const Interval& moved, RowSink& sink) {
  give_idle(has_held_ ? held_.start_ns : moved.start_ns, idle_count_, sink);
  // What is held has been proved: only without it the movement stands alone.
  const bool is_single = !has_held_ && refresh_.is_learning();
  if (has_held_) give_exact(held_, sink);
  has_held_ = false;
  give_exact(moved, sink, is_single ? spread_ns(moved.start_ns + moved.ns) : 0);
}

void Reducer::prove(const Interval& moved, RowSink& sink) {
  const bool follows_move = base_is_move_ && idle_count_ == 0;
  if (!follows_move) settle_held(sink);
  refresh_.set_fresh();
  move_fast(moved, sink);
}

void Reducer::settle_held(RowSink& sink) {
  has_held_ = false;
  const double until_ns = held_.start_ns + held_.ns;
  give_span(until_ns, held_.units, refresh_.is_known_slow() ? until_ns - base_ns_ : held_.ns, sink);
}

void Reducer::rest(RowSink& sink) {
  const double hold_ns = refresh_.hold_ns();
  const double until_ns = mark_ns_ - hold_ns;
  if (refresh_.is_known_slow()) return give_idle(until_ns, idle_intervals(until_ns), sink);
  const double kept = std::min(idle_count_ - 1, std::floor(hold_ns / period_ns_ + 0.5));
  give_idle(until_ns, idle_count_ - kept, sink);
  idle_count_ = kept;
}

// From the base on: those between readings, or between refreshes where these are longer.
double Reducer::idle_intervals(double until_ns) const {
  return refresh_.is_known_slow() ? std::floor((until_ns - base_ns_) / refresh_.ns() + 0.5) : idle_count_;
}

void Reducer::give_idle(double until_ns, double count, RowSink& sink) {
  if (count == 0) return;
  const Interval idle{base_ns_, until_ns - base_ns_, 0, 0, count};
  base_ns_ = until_ns;
  base_is_move_ = false;
  idle_count_ = 0;
  window_[kIntervals] += count;
  if (place_ != kNoPlace) recorder_->take(place_, idle, sink);
  if (counter_.line_rate == 0) return;
  window_[kUtilization] += count;
  offer_burst(idle, sink);
}

void Reducer::give_span(double until_ns, double units, double active_ns, RowSink& sink) {
  const bool is_known_slow = refresh_.is_known_slow();
  Interval span{base_ns_, until_ns - base_ns_, units};
  const bool is_quick = refresh_.is_slow() && !is_known_slow && base_is_move_ && span.ns <= refresh_.near_ns();
  span.rate = units * 1e9 / std::max(span.ns, spread_ns(until_ns));
  span.count = is_known_slow ? std::max(1.0, std::floor(span.ns / refresh_.ns() + 0.5)) : idle_count_ + 1;
  base_ns_ = moved_ns_ = until_ns;
  base_is_move_ = true;
  idle_count_ = 0;
  // Two changes of an unknown counter close together, and no third: that may be a refresh, seen late, and the next one.
  if (is_quick) return bursts_.add_doubtful(span);
  judge(span, active_ns, sink);
}

// The time in which the units of a single movement may have come together.
double Reducer::spread_ns(double until_ns) const {
  return refresh_.is_known_slow() ? refresh_.ns() : std::min(until_ns - moved_ns_, kRefreshAssumedNs);
}

void Reducer::give_exact(Interval interval, RowSink& sink, double least_ns) {
  interval.rate = interval.units * 1e9 / std::max(interval.ns, least_ns);
  base_ns_ = moved_ns_ = interval.start_ns + interval.ns;
  base_is_move_ = true;
  idle_count_ = 0;
  judge(interval, interval.ns, sink);
}

void Reducer::judge(const Interval& interval, double active_ns, RowSink& sink) {
  if (counter_.line_rate > 0 && interval.rate > plausible_rate_) {
    window_[kImplausible]++;
    return bursts_.add_doubtful(interval);
  }
  count(interval, active_ns);
  if (place_ != kNoPlace) recorder_->take(place_, interval, sink);
  if (counter_.line_rate > 0) offer_burst(interval, sink);
}

void Reducer::count(const Interval& interval, double active_ns) {
  window_[kIntervals] += interval.count;
  window_[kActive] += active_ns;
  note_peak(interval.units, interval.rate, interval.start_ns + interval.ns);
  if (counter_.line_rate == 0) return;
  const double share = interval.rate / counter_.line_rate;
  for (std::size_t i = 0; i < rules_.threshold_count && share >= rules_.thresholds[i]; i++) window_[kAbove + i] += interval.ns;
  window_[kUtilization + utilization_bucket(share)] += interval.count;
}

void Reducer::note_peak(double units, double rate, double at_ns) {
  window_[kPeakUnits] = std::max(window_[kPeakUnits], units);
  if (rate <= window_[kPeakRate]) return;
  window_[kPeakRate] = rate;
  window_[kPeakAt] = at_ns;
}

void Reducer::offer_burst(const Interval& interval, RowSink& sink) {
  if (bursts_.is_calm(interval)) return bursts_.pass(interval);
  ClosedBurst burst;
  const BurstEvent event = bursts_.take(interval, burst);
  has_burst_ = bursts_.is_open();
  if (event == BurstEvent::kEnded) note_burst(burst, sink);
  if (event == BurstEvent::kBegan && recorder_ != nullptr) recorder_->begin_burst(channel_, bursts_.began_ns(), sink);
}

void Reducer::note_burst(const ClosedBurst& burst, RowSink& sink) {
  if (window_end_ns_ == kNever) return;
  const double peak_rate = burst.row[4];
  window_[kBursts]++;
  window_[kBurstNs] += burst.row[2];
  window_[kBurstUnits] += burst.row[3];
  // The burst was above a threshold in its first and last interval too, if only for a part of them.
  for (std::size_t i = 0; i < rules_.threshold_count; i++) {
    const double limit = rules_.thresholds[i] * counter_.line_rate;
    if (peak_rate < limit) continue;
    for (const Interval& edge : burst.edges)
      if (edge.ns > 0 && edge.rate < limit) window_[kAbove + i] += busy_ns(edge, peak_rate);
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
