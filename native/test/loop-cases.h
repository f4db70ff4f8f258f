// The loop of a thread on a clock of the test: governor, refreshes, idleness, events, and the account of deadlines and rows. src/roce/ is held to the same
// rules by test/unit/roce/loop-pace.test.ts.

#pragma once

#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "../sampler/sampler.h"
#include "expect.h"
#include "synthetic.h"

namespace loop_cases {

constexpr double kTickNs = 1e7;
constexpr double kSecond = 1e9;
constexpr double kLineRate = 1e9;
// A window in which what moves evenly is not looked at again.
constexpr double kEvenNs = 60 * kSecond;

using Times = std::vector<double>;

inline std::uint64_t count_of(double number) { return static_cast<std::uint64_t>(number); }

inline sampler::Channel channel_of(unsigned number, double line_rate, bool is_event = false) {
  sampler::Channel channel;
  channel.number = number;
  channel.rules.line_rate = line_rate;
  channel.is_event = is_event;
  return channel;
}

inline sampler::SourceRules steady(double period_ns) {
  sampler::SourceRules rules;
  rules.period_ns = rules.idle_period_ns = rules.escalated_period_ns = period_ns;
  return rules;
}

// A thread that runs in this one.
class Run {
 public:
  SyntheticTime time;
  sampler::PortEvents events{4};
  std::function<double(double)> late_ns;
  double window_ns = kSecond;
  double ring_bytes = 1 << 24;

  // Returns where the times of its readings will be.
  std::shared_ptr<Times> add(sampler::SourceRules rules, std::vector<sampler::Channel> channels, std::vector<SyntheticSource::Signal> signals, std::function<double(double)> cost_ns = nullptr) {
    auto reader = std::make_unique<SyntheticSource>(time, std::move(signals), std::move(cost_ns));
    auto times = reader->times;
    channel_count_ += channels.size();
    sampler::SourcePlan plan{std::move(rules), {}};
    plan.parts.push_back({std::move(reader), std::move(channels)});
    sources_.push_back(std::move(plan));
    return times;
  }

  // Once: from the start to the stop; `meanwhile` happens at its time.
  sampler::Worker& until(double seconds, double meanwhile_seconds = -1, std::function<void()> meanwhile = nullptr) {
    sampler::ReductionRules reduction;
    reduction.period_ns = kTickNs;
    reduction.window_ns = window_ns;
    sampler::ScheduleRules schedule;
    schedule.from = sampler::Policy::kPlain;
    const sampler::RingSizes sizes = sampler::ring_sizes({channel_count_, channel_count_, 0, window_ns, kTickNs, ring_bytes});
    worker_ = std::make_unique<sampler::Worker>(std::move(sources_), reduction, schedule, sizes, events, std::make_unique<SyntheticClock>(time, late_ns));
    const double begin_ns = time.now_ns;
    const auto stop = [this, begin_ns, seconds] { time.at_ns(begin_ns + seconds * kSecond, [this] { worker_->request_stop(); }); };
    if (!meanwhile) stop();
    else time.at_ns(begin_ns + meanwhile_seconds * kSecond, [this, meanwhile, stop] {
      meanwhile();
      worker_->wake();
      stop();
    });
    worker_->run();
    return *worker_;
  }

  void stop() { worker_->request_stop(); }

 private:
  std::vector<sampler::SourcePlan> sources_;
  std::unique_ptr<sampler::Worker> worker_;
  std::uint64_t channel_count_ = 0;
};

inline std::size_t reads_in(const Times& times, double from, double to) {
  std::size_t count = 0;
  for (const double time : times) count += time > from + 1e-6 && time <= to + 1e-6 ? 1 : 0;
  return count;
}

inline void slow_readings_are_rare() {
  Run run;
  sampler::SourceRules rules = steady(kTickNs);
  rules.max_duty = 0.02;
  const auto times = run.add(rules, {channel_of(0, 0)}, {[](double) { return 0; }}, [](double seconds) { return seconds < 20 ? 3e6 : 0; });
  run.until(45);
  expect(reads_in(*times, 2, 18) >= 100 && reads_in(*times, 2, 18) <= 107, "readings of 3 ms are every 150 ms, told to within a sixteenth");
  expect(reads_in(*times, 42, 43) == 100, "quick readings are as often as asked again");
}

inline void one_slow_reading_in_a_hundred_changes_nothing() {
  Run run;
  sampler::SourceRules rules = steady(kTickNs);
  rules.max_duty = 0.02;
  int reads = 0;
  run.add(rules, {channel_of(0, 0)}, {[](double) { return 0; }}, [&reads](double) { return ++reads % 128 == 64 ? 9e6 : 0; });
  expect(run.until(20).source(0).figures().period_ns.get() == kTickNs, "one slow reading in a hundred changes nothing");
}

// In milliseconds; `costs_ns` by number of the reading, from 1.
inline double governed_period_ms(double seconds, std::function<double(int)> costs_ns) {
  Run run;
  sampler::SourceRules rules = steady(kTickNs);
  rules.max_duty = 0.02;
  int reads = 0;
  run.add(rules, {channel_of(0, 0)}, {[](double) { return 0; }}, [&reads, costs_ns](double) { return costs_ns(++reads); });
  return run.until(seconds).source(0).figures().period_ns.get() / 1e6;
}

inline void one_reading_that_waited_changes_nothing() {
  expect(governed_period_ms(3, [](int read) { return read == 50 ? 5e8 : 0; }) == 10, "a reading that waited for half a second changes nothing");
  expect(governed_period_ms(60, [](int read) { return read % 120 == 50 ? 5e8 : 0; }) == 10, "nor does one in a hundred each");
  expect(governed_period_ms(3, [](int read) { return read == 50 || read == 90 ? 5e8 : 0; }) == 25'000, "the second of a hundred does");
  expect(governed_period_ms(60, [](int) { return 5e9; }) == 60'000, "a minute is the longest period");
}

inline SyntheticSource::Signal refreshing(double seconds) {
  return [seconds](double now) { return count_of(std::floor(now / seconds + 1e-9) * 1000); };
}

inline double refreshed_period_ns(SyntheticSource::Signal other) {
  Run run;
  std::vector<sampler::Channel> channels{channel_of(0, 0), channel_of(1, 0)};
  for (auto& channel : channels) channel.rules.learns_refresh = true;
  run.add(steady(kTickNs), channels, {refreshing(0.4), std::move(other)});
  return run.until(20).source(0).figures().period_ns.get();
}

inline void slow_counters_are_read_four_times_a_refresh() {
  expect(refreshed_period_ns(refreshing(0.8)) == 1e8, "a source of slow counters is read four times a refresh of the fastest");
  expect(refreshed_period_ns([](double now) { return count_of(now * 1e6); }) == kTickNs, "a fresh counter among them is read as asked");
  expect(refreshed_period_ns([](double) { return 0; }) == 1e8, "one that rests says nothing");
}

inline void even_movement_keeps_a_source_quick() {
  Run run;
  run.window_ns = kEvenNs;
  std::vector<sampler::Channel> channels{channel_of(0, 0), channel_of(1, 0)};
  for (auto& channel : channels) channel.rules.learns_refresh = true;
  const auto times = run.add(steady(kTickNs), channels, {refreshing(0.4), [](double now) { return count_of(now * 1e6); }});
  run.until(20);
  expect(reads_in(*times, 0, 19.9) == 1990, "a fresh counter that moves all the time is never waited for");
}

inline void a_fresh_counter_ends_the_slowness_of_its_source() {
  Run run;
  std::vector<sampler::Channel> channels{channel_of(0, 0), channel_of(1, 0)};
  channels[0].rules.learns_refresh = true;
  const auto times = run.add(steady(kTickNs), channels, {refreshing(0.4), [](double now) { return count_of(std::max(0.0, now - 20.05) * 1e6); }});
  run.until(21);
  expect(reads_in(*times, 18, 20) == 20, "as long as it rests the source is slow");
  expect(reads_in(*times, 20.15, 20.95) == 80, "its first movement makes the source quick again");
}

inline void idle_sources_slow_down_until_traffic_comes() {
  Run run;
  sampler::SourceRules rules = steady(kTickNs);
  rules.idle_period_ns = 1e8;
  const auto bytes = [](double now) { return count_of((now * 0.009 + std::max(0.0, now - 15) * 0.5) * kLineRate); };
  const auto times = run.add(rules, {channel_of(0, kLineRate), channel_of(1, 0)}, {bytes, [](double now) { return count_of(now * 1e6); }});
  sampler::Worker& worker = run.until(17);
  expect(reads_in(*times, 0, 9) == 900, "ten seconds pass before a source is idle");
  expect(reads_in(*times, 11, 15) == 40, "below 1 % of the line it is read every 100 ms");
  expect(reads_in(*times, 15.2, 16) == 80, "the first reading with traffic ends that");
  expect(worker.missed() == 0, "what is not due is not missed");
  expect(worker.lateness().count() == times->size(), "between deadlines nothing runs");
}

inline void even_traffic_keeps_a_source_awake() {
  Run run;
  run.window_ns = kEvenNs;
  sampler::SourceRules rules = steady(kTickNs);
  rules.idle_period_ns = 1e8;
  const auto times = run.add(rules, {channel_of(0, kLineRate), channel_of(1, 0)}, {[](double now) { return count_of(now * 0.02 * kLineRate); }, [](double now) { return count_of(now * 1e6); }});
  run.until(12);
  expect(reads_in(*times, 0, 11.9) == 1190, "with 2 % of the line all the time a source is not idle");
}

inline void everything_is_traffic_without_a_line_rate() {
  sampler::SourceRules rules = steady(kTickNs);
  rules.idle_period_ns = 1e8;
  Run moving, still;
  moving.window_ns = kEvenNs;
  const auto times = moving.add(rules, {channel_of(0, 0)}, {[](double now) { return count_of(now * 1000); }});
  still.add(rules, {channel_of(0, 0)}, {[](double) { return 7; }});
  moving.until(12);
  expect(reads_in(*times, 0, 11.9) == 1190, "without a line rate everything that moves is traffic");
  expect(still.until(12).source(0).figures().period_ns.get() == 1e8, "what does not move is idle");
}

inline void events_speed_up_the_sources_of_their_port() {
  Run run;
  sampler::SourceRules rules = steady(kSecond);
  rules.escalated_period_ns = 1e8;
  sampler::Channel elsewhere = channel_of(2, 0);
  elsewhere.port = 1;
  run.add(steady(kTickNs), {channel_of(0, 0, true)}, {[](double now) { return now > 5.495 ? 1 : 0; }});
  const auto own = run.add(rules, {channel_of(1, 0)}, {[](double) { return 0; }});
  const auto other = run.add(rules, {elsewhere}, {[](double) { return 0; }});
  run.until(10.6);
  expect(reads_in(*own, 0, 5.4) == 6, "slow before");
  expect(reads_in(*own, 5.5, 7.5) == 20, "after an event every 100 ms for two seconds");
  expect(reads_in(*own, 7.6, 10.6) == 3, "slow afterwards");
  expect(reads_in(*other, 5.5, 7.5) == 2, "another port is left alone");
}

inline void events_of_the_other_thread_wake_this_one() {
  Run run;
  sampler::SourceRules rules = steady(kSecond);
  rules.escalated_period_ns = kTickNs;
  const auto times = run.add(rules, {channel_of(0, 0)}, {[](double) { return 0; }});
  run.until(3, 1.2345, [&run] { run.events.raise(0, run.time.now_ns, 1e9); });
  expect(reads_in(*times, 1.02, 1.2345) == 0, "asleep before");
  expect(reads_in(*times, 1.2345, 1.24) == 1, "the next tick reads");
  expect(reads_in(*times, 1.2345, 2.23) == 100, "and so do those of the escalation");
}

inline void sources_that_meet_are_both_read() {
  Run run;
  sampler::SourceRules rules = steady(kTickNs);
  rules.idle_period_ns = 37 * kTickNs;
  // Idle after a thousand ticks, and from then on always due one tick after the other one, which is 27 periods and a tick later.
  const auto times = run.add(rules, {channel_of(0, 0)}, {[](double) { return 0; }});
  run.add(steady(37 * kTickNs), {channel_of(1, 0)}, {[](double) { return 0; }}, [](double seconds) { return seconds < 10.005 ? 0 : 1.2 * kTickNs; });
  run.until(20);
  expect(reads_in(*times, 10.02, 20) == 26, "a deadline that passes while another source is read is made up for");
}

inline void late_readings_keep_their_distance() {
  Run run;
  sampler::SourceRules rules = steady(3 * kTickNs);
  const auto times = run.add(rules, {channel_of(0, 0)}, {[](double) { return 0; }});
  // Each of its readings lasts over a deadline of the other one.
  run.add(steady(7 * kTickNs), {channel_of(1, 0)}, {[](double) { return 0; }}, [](double) { return 2.5 * kTickNs; });
  run.until(10);
  bool is_apart = true;
  for (std::size_t i = 1; i < times->size(); i++) is_apart = is_apart && (*times)[i] - (*times)[i - 1] > (3 * kTickNs - 1) / kSecond;
  expect(is_apart && times->size() > 200, "readings that were late are followed by a whole period");
  Run alone;
  const auto long_ones = alone.add(steady(4 * kTickNs), {channel_of(0, 0)}, {[](double) { return 0; }}, [](double) { return 4.5 * kTickNs; });
  alone.until(8);
  expect(long_ones->size() == 100, "what lasts over its own deadline waits for the next one");
}

inline void a_stop_waits_for_one_source_at_most() {
  Run run;
  const auto first = run.add(steady(kTickNs), {channel_of(0, 0)}, {[](double) { return 0; }}, [&run](double seconds) {
    if (seconds > 0.995) run.stop();
    return 0;
  });
  const auto second = run.add(steady(kTickNs), {channel_of(1, 0)}, {[](double) { return 0; }});
  run.until(2);
  expect(first->size() == 100 && second->size() == 99, "once the thread has to stop no other source is read");
}

// However late the thread is: every deadline was used or counted, and the intervals cover the time from the first reading to the last.
inline void every_deadline_is_used_or_missed(unsigned seed) {
  Run run;
  std::mt19937 random(seed);
  run.window_ns = 1e8;
  run.late_ns = [&random](double) { return random() % 10 == 0 ? static_cast<double>(random() % 95'000'000) : static_cast<double>(random() % 1'000'000); };
  const auto times = run.add(steady(kTickNs), {channel_of(0, kLineRate)}, {[](double now) { return count_of(now * 1e8); }});
  sampler::Worker& worker = run.until(60);
  const std::uint64_t reads = worker.lateness().count();
  const auto passed = count_of(std::floor(times->back() * kSecond / kTickNs + 1e-6));
  const std::string seeded = " (seed " + std::to_string(seed) + ")";
  expect(reads == times->size(), ("every tick reads" + seeded).c_str());
  expect(worker.missed() > 0 && reads + worker.missed() == passed, ("used and missed deadlines are all that passed" + seeded).c_str());
  double covered_ns = 0, units = 0, end_ns = 0;
  bool is_unbroken = true;
  sampler::WindowRow row{};
  auto& windows = worker.rings().windows;
  while (windows.pop(row)) {
    is_unbroken = is_unbroken && (end_ns == 0 || row[sampler::kStart] == end_ns);
    end_ns = row[sampler::kEnd];
    covered_ns += row[sampler::kCovered];
    units += row[sampler::kUnits];
  }
  expect(is_unbroken, ("every window is there" + seeded).c_str());
  expect(windows.produced() == windows.consumed() && windows.overwritten() == 0, ("and nothing was overwritten" + seeded).c_str());
  expect(std::abs(covered_ns - (times->back() - times->front()) * kSecond) < kTickNs, ("they cover the time of the readings" + seeded).c_str());
  expect(std::abs(units - (times->back() - times->front()) * 1e8) < 1e8 * kTickNs / kSecond, ("and hold what was counted" + seeded).c_str());
}

inline void windows_of_what_vanished_are_given() {
  Run run;
  run.add(steady(kTickNs), {channel_of(0, 0)}, {[](double now) { return now > 0.505 ? SyntheticSource::kGone : now > 0.305 ? 9 : 5; }});
  auto& windows = run.until(2.5).rings().windows;
  sampler::WindowRow row{};
  expect(windows.produced() == 1 && windows.pop(row), "a counter that vanished has no windows any more");
  expect(row[sampler::kUnits] == 4 && row[sampler::kTotal] == 9 && std::abs(row[sampler::kCovered] - 0.49e9) < 1, "the last one holds what was read");
}

inline void rows_that_nobody_takes_are_counted() {
  Run run;
  run.window_ns = 1e8;
  run.ring_bytes = 0;
  run.add(steady(kTickNs), {channel_of(0, 0), channel_of(1, 0)}, {[](double) { return 0; }, [](double) { return 0; }});
  auto& windows = run.until(10).rings().windows;
  sampler::WindowRow row{};
  while (windows.pop(row)) {
  }
  expect(windows.capacity() == 6, "three windows a channel are kept at least");
  expect(windows.consumed() == 6 && windows.produced() == windows.consumed() + windows.overwritten(), "produced = consumed + overwritten");
}

inline void memory_of_rows_is_limited() {
  const auto bytes = [](const sampler::RingSizes& sizes) {
    return 8 * (sizes.windows * sampler::kWindowNumbers + sizes.bursts * sampler::kBurstNumbers + (sizes.captures + sizes.capture_starts) * sampler::kCaptureNumbers);
  };
  const sampler::RingSizes enough = sampler::ring_sizes({100, 20, 10, 15e9, 1e6, 64 << 20});
  expect(enough.windows == 900 && enough.bursts == 5120 && enough.captures == 20'000, "two minutes of windows, two seconds of captures");
  expect(sampler::ring_sizes({100, 20, 10, 15e9, 1e6, 64 << 20, 8e9}).captures == 100'000, "and what they give when they begin");
  expect(bytes(sampler::ring_sizes({4096, 512, 512, 1e9, 1e6, 64 << 20})) <= 64 << 20, "no more than the limit");
  expect(sampler::ring_sizes({4096, 512, 512, 1e9, 1e6, 1 << 20}).windows == 3 * 4096, "and never less than three windows a channel");
}

inline void run_all() {
  slow_readings_are_rare();
  one_slow_reading_in_a_hundred_changes_nothing();
  one_reading_that_waited_changes_nothing();
  slow_counters_are_read_four_times_a_refresh();
  even_movement_keeps_a_source_quick();
  a_fresh_counter_ends_the_slowness_of_its_source();
  idle_sources_slow_down_until_traffic_comes();
  even_traffic_keeps_a_source_awake();
  everything_is_traffic_without_a_line_rate();
  events_speed_up_the_sources_of_their_port();
  events_of_the_other_thread_wake_this_one();
  sources_that_meet_are_both_read();
  late_readings_keep_their_distance();
  a_stop_waits_for_one_source_at_most();
  for (unsigned seed = 1; seed <= 5; seed++) every_deadline_is_used_or_missed(seed);
  windows_of_what_vanished_are_given();
  rows_that_nobody_takes_are_counted();
  memory_of_rows_is_limited();
}

}  // namespace loop_cases
