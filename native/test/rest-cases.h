// Counters that rest or move steadily give the rows that they would give if every reading were taken: a source with counters of all kinds, read at irregular times, against reducers that
// take each of its readings.

#pragma once

#include <cstdio>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "../sampler/paced-source.h"
#include "expect.h"
#include "synthetic.h"

namespace rest_cases {

constexpr double kPeriodNs = 1e6;
constexpr double kLineRate = 1e9;
constexpr std::size_t kWindows = 3;

// How likely a counter moves at a reading.
constexpr double kActivities[] = {0, 0.001, 0.02, 0.5, 1};

// By how much, at most: at a millisecond far below the half of the line at which bursts begin, and around it.
constexpr std::uint64_t kSteps[] = {300'000, 2'000'000};

constexpr double kSlowShares[] = {0.03, 0.4};

// Rows of each channel in their order.
class Rows : public sampler::RowSink {
 public:
  void window(const sampler::WindowRow& row) override { take(row); }
  void burst(const sampler::BurstRow& row) override { take(row); }
  void capture_start(const sampler::CaptureStart& row) override { take(row); }
  void capture(const sampler::CaptureRow& row) override { take(row); }
  std::map<double, std::vector<std::vector<double>>> by_channel;

 private:
  template <typename Row>
  void take(const Row& row) {
    by_channel[row[0]].emplace_back(row.begin(), row.end());
  }
};

struct Erratic {
  double activity;
  std::uint64_t step;
  // Of its width.
  std::uint64_t mask;
};

// A third of its counters each has a window of its own; now and then one of them gives no answer, a reading takes long, or a counter is not among the answer.
class ErraticSource : public sampler::Source {
 public:
  ErraticSource(SyntheticTime& time, std::mt19937_64& random, std::vector<Erratic> counters)
      : Source(counters.size(), kWindows), time_(time), random_(random), slow_share_(kSlowShares[random_() % 2]), counters_(std::move(counters)), counts_(counters_.size()) {
    for (std::size_t i = 0; i < size(); i++) window_of_[i] = static_cast<std::uint32_t>(i % kWindows);
  }

  void read() override {
    know_nothing();
    for (std::size_t window = 0; window < kWindows; window++) {
      if (happens(0.005)) continue;
      const double begin_ns = time_.now_ns;
      time_.now_ns += happens(slow_share_) ? 0.25 * kPeriodNs : 0.002 * kPeriodNs;
      windows_[window] = {begin_ns, time_.now_ns};
      for (std::size_t i = window; i < size(); i += kWindows) count(i);
    }
  }

 private:
  bool happens(double share) { return std::uniform_real_distribution<double>()(random_) < share; }
  void count(std::size_t counter) {
    // Nothing much in the middle of the time: the source is idle then.
    const bool is_calm = time_.now_ns > 2e9 && time_.now_ns < 14e9;
    // Now and then more than a steady one has room for.
    if (!is_calm && happens(0.0005)) counts_[counter] += 6'000'000'000;
    if (happens(counters_[counter].activity * (is_calm ? 0.001 : 1))) counts_[counter] += std::uniform_int_distribution<std::uint64_t>(1, is_calm ? 100 : happens(0.02) ? 3 * counters_[counter].step : counters_[counter].step)(random_);
    if (happens(0.005)) counts_[counter] = 0;
    if (!happens(0.002)) know(counter, counts_[counter] & counters_[counter].mask);
  }

  SyntheticTime& time_;
  std::mt19937_64& random_;
  // Of readings that take so long that some of them end no interval.
  double slow_share_;
  std::vector<Erratic> counters_;
  std::vector<std::uint64_t> counts_;
};

inline sampler::Channel channel_of(unsigned number, std::mt19937_64& random) {
  sampler::Channel channel;
  channel.number = number;
  channel.rules.bits = random() % 2 == 0 ? 64 : 32;
  channel.rules.line_rate = random() % 3 == 0 ? kLineRate : 0;
  channel.rules.learns_refresh = random() % 2 == 0;
  channel.rules.refresh_ns = random() % 4 == 0 ? 5 * kPeriodNs : 0;
  channel.is_event = random() % 12 == 0;
  channel.is_captured = random() % 6 == 0;
  return channel;
}

// What is read and reduced without any rest.
class Twin {
 public:
  Twin(const sampler::Source& source, const std::vector<sampler::Channel>& channels, const sampler::ReductionRules& rules, sampler::Recorder& recorder) : source_(source), is_known_(channels.size()) {
    for (const auto& channel : channels) {
      reducers_.emplace_back(channel.number, channel.rules, rules);
      const std::size_t place = channel.is_captured ? recorder.add(channel.number, kPeriodNs, channel.rules.line_rate > 0) : sampler::Reducer::kNoPlace;
      reducers_.back().record(&recorder, channel.is_event, place);
    }
  }

  void take(double now_ns, sampler::RowSink& sink) {
    for (std::size_t i = 0; i < reducers_.size(); i++) {
      const sampler::Reading reading = source_.reading(i);
      if (reading.is_known) reducers_[i].take(reading.value, reading.window.begin_ns, reading.window.end_ns, sink);
      else if (is_known_[i]) reducers_[i].lose(sink);
      if (!reading.is_known) reducers_[i].expire(now_ns, sink);
      is_known_[i] = reading.is_known;
    }
  }
  void set_period(double ns) {
    for (auto& reducer : reducers_) reducer.set_period(ns);
  }
  void finish(sampler::RowSink& sink) {
    for (auto& reducer : reducers_) reducer.finish(sink);
  }

 private:
  const sampler::Source& source_;
  std::vector<sampler::Reducer> reducers_;
  std::vector<bool> is_known_;
};

inline bool rows_are_the_same(unsigned long seed) {
  std::mt19937_64 random(seed);
  SyntheticTime time;
  SyntheticClock clock(time);
  sampler::PortEvents events(1);
  sampler::ReductionRules rules;
  rules.period_ns = kPeriodNs;
  rules.window_ns = 5e7;
  rules.align_ns = static_cast<double>(random() % 50'000'000);
  rules.thresholds = {0.4};
  rules.threshold_count = 1;
  std::vector<Erratic> counters;
  std::vector<sampler::Channel> channels;
  for (unsigned i = 0; i < 12; i++) {
    channels.push_back(channel_of(i, random));
    counters.push_back({kActivities[random() % 5], kSteps[random() % 2], channels[i].rules.bits == 64 ? UINT64_MAX : UINT32_MAX});
  }
  // Idle and escalated sources are read at other periods, which begin between two readings.
  sampler::SourcePlan plan{{"erratic", false, kPeriodNs, 1, 4 * kPeriodNs, kPeriodNs}, {}};
  auto reader = std::make_unique<ErraticSource>(time, random, counters);
  const sampler::Source& source = *reader;
  plan.parts.push_back({std::move(reader), channels});
  constexpr sampler::CaptureRules capture{2 * kPeriodNs, 2 * kPeriodNs, 50 * kPeriodNs};
  sampler::Recorders recorders;
  recorders.push_back(std::make_unique<sampler::Recorder>(0, capture, nullptr));
  sampler::Recorder recorder(0, capture, nullptr);
  sampler::PacedSource paced(std::move(plan), rules, recorders);
  Twin twin(source, channels, rules, recorder);
  Rows rows, expected;
  double period_ns = paced.figures().period_ns.get();
  for (double deadline_ns = time.now_ns; time.now_ns < 16e9;) {
    // Now and then late by several periods, or soon after the one before; for a while always late: that looks like counters that refresh slowly.
    const double usual = time.now_ns > 1.5e9 && time.now_ns < 1.7e9 ? 4 : 1;
    deadline_ns += period_ns * (random() % 100 == 0 ? static_cast<double>(1 + random() % 64) / 8 : usual);
    time.advance_to(deadline_ns + static_cast<double>(random() % 20'000));
    const double now_ns = time.now_ns;
    bool has_event = false;
    paced.read(now_ns, clock, events, rows, has_event);
    twin.take(now_ns, expected);
    recorders[0]->heed(rows);
    recorder.heed(expected);
    paced.follow(deadline_ns, time.now_ns);
    if (paced.figures().period_ns.get() == period_ns) continue;
    period_ns = paced.figures().period_ns.get();
    twin.set_period(period_ns);
  }
  paced.finish(rows);
  twin.finish(expected);
  return !rows.by_channel.empty() && rows.by_channel == expected.by_channel;
}

inline void run_all() {
  for (unsigned long seed = 1; seed <= 16; seed++) {
    if (rows_are_the_same(seed)) continue;
    std::printf("seed %lu\n", seed);
    expect(false, "a counter whose readings are not all taken gives the rows of one whose are");
  }
}

}  // namespace rest_cases
