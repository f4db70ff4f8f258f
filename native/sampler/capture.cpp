// Captures. See capture.h.

#include "capture.h"

#include <algorithm>
#include <cmath>

namespace sampler {

namespace {

// Intervals beyond those of `pre_ns`: an event may be told late.
constexpr double kKeptMore = 64;

}  // namespace

std::size_t Recorder::add(double channel, double period_ns, bool is_traffic) {
  Counter counter;
  counter.channel = channel;
  counter.is_traffic = is_traffic;
  counter.kept.resize(static_cast<std::size_t>(std::min(std::ceil(rules_.pre_ns / period_ns) + kKeptMore, static_cast<double>(kKeptMax))));
  counters_.push_back(std::move(counter));
  return counters_.size() - 1;
}

void Recorder::take(std::size_t place, const Interval& interval, RowSink& sink) {
  if (leader_ != nullptr) follow(sink);
  Counter& counter = counters_[place];
  if (interval.units > 0) return put(counter, interval.start_ns + interval.ns, counter.is_traffic ? interval.rate : interval.units, sink);
  const double each_ns = interval.ns / interval.count;
  double at = std::max(1.0, interval.count - static_cast<double>(counter.kept.size()) + 1);
  if (until_ns() >= interval.start_ns) at = std::min(at, std::max(1.0, std::floor((from_ns_.load(std::memory_order_relaxed) - interval.start_ns) / each_ns)));
  for (; at < interval.count; at++) put(counter, interval.start_ns + at * each_ns, 0, sink);
  put(counter, interval.start_ns + interval.ns, 0, sink);
}

void Recorder::put(Counter& counter, double at_ns, double value, RowSink& sink) {
  if (at_ns >= from_ns_.load(std::memory_order_relaxed) && at_ns <= until_ns()) return sink.capture({counter.channel, at_ns, value});
  const std::size_t size = counter.kept.size();
  if (counter.count == size) {
    counter.first = counter.first + 1 == size ? 0 : counter.first + 1;
    counter.count--;
  }
  const std::size_t next = counter.first + counter.count;
  counter.kept[next < size ? next : next - size] = {at_ns, value};
  counter.count++;
}

void Recorder::note_event(double channel, double at_ns, RowSink& sink) {
  if (leader_ != nullptr) return leader_->ring(channel, at_ns);
  if (!begin(channel, at_ns, sink)) calm_ns_ = std::max(calm_ns_, at_ns + rules_.post_ns);
  settle(sink);
}

void Recorder::begin_burst(double channel, double at_ns, RowSink& sink) {
  if (leader_ != nullptr) return leader_->ring(channel, at_ns);
  open_bursts_++;
  begin(channel, at_ns, sink);
  settle(sink);
}

void Recorder::end_burst(double at_ns, RowSink& sink) {
  if (leader_ != nullptr) return;
  open_bursts_--;
  calm_ns_ = std::max(calm_ns_, at_ns + rules_.post_ns);
  settle(sink);
}

// Begins a capture where none lasts.
bool Recorder::begin(double channel, double at_ns, RowSink& sink) {
  if (at_ns <= until_ns()) return false;
  // Right after another one, what is still missing of that belongs to it.
  if (at_ns - rules_.pre_ns > until_ns()) from_ns_.store(at_ns - rules_.pre_ns, std::memory_order_relaxed);
  limit_ns_ = at_ns - rules_.pre_ns + rules_.max_ns;
  calm_ns_ = at_ns + rules_.post_ns;
  sink.capture_start({port_, channel, at_ns});
  return true;
}

void Recorder::settle(RowSink& sink) {
  const double until_ns = open_bursts_ > 0 ? limit_ns_ : std::min(limit_ns_, calm_ns_);
  until_ns_.store(until_ns, std::memory_order_release);
  give_kept(sink);
}

void Recorder::give_kept(RowSink& sink) {
  const double from_ns = from_ns_.load(std::memory_order_relaxed);
  const double until_ns = this->until_ns();
  for (auto& counter : counters_) {
    while (counter.count > 0 && counter.kept[counter.first].at_ns <= until_ns) {
      const Kept& kept = counter.kept[counter.first];
      if (kept.at_ns >= from_ns) sink.capture({counter.channel, kept.at_ns, kept.value});
      counter.first = counter.first + 1 == counter.kept.size() ? 0 : counter.first + 1;
      counter.count--;
    }
  }
}

void Recorder::follow(RowSink& sink) {
  const double until_ns = leader_->until_ns_.load(std::memory_order_acquire);
  if (until_ns == this->until_ns()) return;
  from_ns_.store(leader_->from_ns_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  until_ns_.store(until_ns, std::memory_order_relaxed);
  give_kept(sink);
}

void Recorder::ring(double channel, double at_ns) {
  rung_channel_.store(channel, std::memory_order_relaxed);
  rung_at_ns_.store(at_ns, std::memory_order_relaxed);
  rung_.fetch_add(1, std::memory_order_release);
}

void Recorder::heed(RowSink& sink) {
  const std::uint64_t rung = rung_.load(std::memory_order_acquire);
  if (rung == heard_) return;
  heard_ = rung;
  note_event(rung_channel_.load(std::memory_order_relaxed), rung_at_ns_.load(std::memory_order_relaxed), sink);
}

}  // namespace sampler
