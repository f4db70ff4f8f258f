// Captures where two threads read counters of one port, and from a thread's loop to its rings. What a recorder keeps is told by
// test/conformance/roce-capture.test.ts.

#pragma once

#include <thread>
#include <vector>

#include "../sampler/sampler.h"
#include "expect.h"
#include "synthetic.h"

namespace capture_cases {

constexpr double kMs = 1e6;

class Rows : public sampler::RowSink {
 public:
  std::vector<sampler::CaptureStart> starts;
  std::vector<sampler::CaptureRow> captures;
  void window(const sampler::WindowRow&) override {}
  void burst(const sampler::BurstRow&) override {}
  void capture_start(const sampler::CaptureStart& row) override { starts.push_back(row); }
  void capture(const sampler::CaptureRow& row) override { captures.push_back(row); }
};

inline sampler::CaptureRules rules_of(double pre_ms, double post_ms) { return {pre_ms * kMs, post_ms * kMs, 2000 * kMs}; }

inline sampler::Interval interval_at(double end_ns, double ns) { return {end_ns - ns, ns, 1, 1e9 / ns, 1}; }

inline void an_event_of_one_thread_is_recorded_by_both() {
  sampler::Recorder leader(7, rules_of(50, 100), nullptr);
  sampler::Recorder follower(7, rules_of(50, 100), &leader);
  Rows fast, slow;
  const std::size_t quick = leader.add(1, kMs, true);
  const std::size_t rare = follower.add(2, 10 * kMs, false);
  for (int i = 1; i <= 1000; i++) {
    const double now_ns = 1e9 + i * kMs;
    leader.take(quick, interval_at(now_ns, kMs), fast);
    if (i % 10 != 0) continue;
    follower.take(rare, interval_at(now_ns, 10 * kMs), slow);
    if (i == 500) follower.note_event(3, now_ns, slow);
    leader.heed(fast);
  }
  expect(fast.starts.size() == 1 && fast.starts[0] == sampler::CaptureStart{7, 3, 1.5e9}, "the capture begins with the event of the other thread");
  expect(slow.starts.empty(), "one thread alone says that it began");
  expect(fast.captures.size() == 151 && fast.captures.front()[1] == 1.45e9 && fast.captures.back()[1] == 1.6e9, "the thread that decides gives its rows");
  expect(slow.captures.size() == 16 && slow.captures.front()[1] == 1.45e9 && slow.captures.back()[1] == 1.6e9, "the thread that follows gives its own");
}

// The threads meet at the recorders alone: the sanitizer for threads looks on.
inline void two_threads_record_at_once() {
  sampler::Recorder leader(0, rules_of(50, 100), nullptr);
  sampler::Recorder follower(0, rules_of(50, 100), &leader);
  Rows fast, slow;
  const std::size_t quick = leader.add(1, kMs, true);
  const std::size_t rare = follower.add(2, 10 * kMs, false);
  std::atomic<bool> is_done{false};
  std::thread other([&] {
    for (int i = 1; i <= 2000; i++) {
      follower.take(rare, interval_at(i * 10 * kMs, 10 * kMs), slow);
      if (i % 50 == 0) follower.note_event(2, i * 10 * kMs, slow);
    }
    is_done.store(true);
  });
  double now_ns = 0;
  while (!is_done.load() || now_ns < 20000 * kMs) {
    now_ns += kMs;
    leader.take(quick, interval_at(now_ns, kMs), fast);
    leader.heed(fast);
  }
  other.join();
  leader.heed(fast);
  expect(!fast.starts.empty(), "events of the other thread begin captures");
  for (const Rows* rows : {&fast, &slow})
    for (std::size_t i = 1; i < rows->captures.size(); i++) expect(rows->captures[i][1] > rows->captures[i - 1][1], "times grow strictly");
}

inline sampler::SourcePlan source_of(SyntheticTime& time, sampler::Channel channel, SyntheticSource::Signal signal) {
  sampler::SourcePlan source;
  source.rules.name = "a";
  source.parts.push_back({std::make_unique<SyntheticSource>(time, std::vector<SyntheticSource::Signal>{std::move(signal)}), {channel}});
  return source;
}

// Two bytes a nanosecond from 0.5 s to 0.51 s, and nothing else.
inline void a_burst_goes_from_the_loop_to_the_ring() {
  SyntheticTime time;
  sampler::Plan plan;
  plan.has_capture = true;
  plan.capture = rules_of(20, 30);
  sampler::Channel channel;
  channel.number = 5;
  channel.port = 2;
  channel.is_captured = true;
  channel.rules.line_rate = 2e9;
  plan.sources.push_back(source_of(time, channel, [](double now) { return static_cast<std::uint64_t>(2e9 * std::min(0.01, std::max(0.0, now - 0.5))); }));
  sampler::PortEvents events(3);
  std::array<std::vector<sampler::SourcePlan>, 2> sources;
  sources[0] = std::move(plan.sources);
  auto recorders = sampler::make_recorders(sources, 3, plan.capture);
  expect(recorders[0][2] && !recorders[0][0] && !recorders[1][2], "a port that has something to keep has a recorder");
  sampler::Worker worker(std::move(sources[0]), plan.reduction, plan.schedule, {16, 16, 256, 16}, events, std::make_unique<SyntheticClock>(time), std::move(recorders[0]));
  const double begin_ns = time.now_ns;
  time.at_ns(begin_ns + 1e9, [&worker] { worker.request_stop(); });
  worker.run();
  sampler::CaptureStart start{};
  expect(worker.rings().capture_starts.pop(start) && start[0] == 2 && start[1] == 5 && std::abs(start[2] - begin_ns - 0.5e9) < 2 * kMs, "the burst begins a capture");
  sampler::CaptureRow row{};
  double busy = 0, rows = 0;
  for (; worker.rings().captures.pop(row); rows++) busy += row[2] / 1e3;
  expect(rows >= 59 && rows <= 62, "20 ms before it, itself, and 30 ms after it");
  expect(std::abs(busy - 2e7) < 1, "the rates of its intervals are its bytes");
}

// All of it is given within one tick.
inline void what_is_kept_has_room_in_the_ring() {
  SyntheticTime time;
  sampler::Plan plan;
  plan.has_capture = true;
  plan.capture = {8000 * kMs, 0, 8000 * kMs};
  sampler::Channel channel;
  channel.is_captured = true;
  plan.sources.push_back(source_of(time, channel, [](double) { return 0; }));
  sampler::Sampler sampler(std::move(plan));
  sampler.visit_rings([](sampler::Rings& rings) { expect(rings.captures.capacity() == 10'000, "captures of two seconds, and what was kept before them"); });
}

inline void run_all() {
  an_event_of_one_thread_is_recorded_by_both();
  two_threads_record_at_once();
  a_burst_goes_from_the_loop_to_the_ring();
  what_is_kept_has_room_in_the_ring();
}

}  // namespace capture_cases
