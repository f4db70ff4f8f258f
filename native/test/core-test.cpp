// Tests of what needs threads, files and sockets of the real system: the ring under a fast writer, numbers from files, statistics of the loopback
// interface, and threads from start to stop; and of the loop on a clock of its own. Built with sanitizers; the exit code is the number of expectations that did not hold.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "../sampler/sampler.h"
#include "expect.h"
#include "capture-cases.h"
#include "core-test.h"
#include "loop-cases.h"
#include "rest-cases.h"

namespace {

void numbers_are_digits_alone() {
  std::uint64_t value = 0;
  const auto is_number = [&](const std::string& text) { return sampler::parse_number(text.data(), text.size(), value); };
  expect(is_number("42\n") && value == 42, "a number ends with a newline");
  expect(is_number("18446744073709551615") && value == UINT64_MAX, "the largest number is read");
  expect(!is_number("18446744073709551616"), "a larger one is refused");
  for (const char* text : {"", "\n", "N/A (no PMA)", "-1", "0x10", "1 2", "12a\n"}) expect(!is_number(text), text);
}

// Rows are consistent, in order, and every one is consumed or counted as overwritten.
void ring_accounts_for_every_row() {
  constexpr std::uint64_t rows = 200'000;
  sampler::Ring<sampler::BurstRow> ring(64);
  std::thread writer([&] {
    for (std::uint64_t i = 1; i <= rows; i++) {
      const double number = static_cast<double>(i);
      ring.push({number, number, number, number, number});
    }
  });
  sampler::BurstRow row{};
  double latest = 0;
  bool is_whole = true;
  bool is_ordered = true;
  while (latest < static_cast<double>(rows)) {
    if (!ring.pop(row)) continue;
    for (const double number : row) is_whole = is_whole && number == row[0];
    is_ordered = is_ordered && row[0] > latest;
    latest = row[0];
  }
  writer.join();
  expect(is_whole, "no row is a mixture of two");
  expect(is_ordered, "rows come in order");
  expect(ring.produced() == rows && ring.consumed() + ring.overwritten() == rows, "produced = consumed + overwritten");
}

std::string temporary_file(const std::string& text) {
  char path[] = "/tmp/tributary-sampler-XXXXXX";
  const int descriptor = mkstemp(path);
  close(descriptor);
  std::ofstream(path) << text;
  return path;
}

void an_interruption_is_told_from_slowness() {
  sampler::Usual usual;
  expect(usual.excess_of(100) == 0, "the first time is usual");
  expect(usual.excess_of(190) == 0, "a little longer is no interruption");
  for (int i = 0; i < 1000; i++) usual.excess_of(0);
  expect(usual.excess_of(190) == 0, "what was not done is not learned from");
  expect(usual.excess_of(10'000) > 9700, "a hundred times as long is one");
  expect(usual.excess_of(10'000) > 9600, "and the next one as well");
  for (int i = 0; i < 500; i++) usual.excess_of(10'000);
  expect(usual.excess_of(10'000) == 0, "what goes on is usual");
}

void files_are_read_and_bad_ones_unknown() {
  const std::string good = temporary_file("7\n");
  const std::string bad = temporary_file("N/A (no PMA)\n");
  sampler::FileSource source({good, bad, good + "-absent"});
  source.read();
  expect(source.reading(0).is_known && source.reading(0).value == 7, "a file is read");
  expect(!source.reading(1).is_known, "a text is unknown");
  expect(!source.reading(2).is_known, "an absent file is unknown");
  std::ofstream(good) << "8\n";
  source.read();
  expect(source.reading(0).value == 8, "the kept descriptor sees the new value");
  unlink(good.c_str());
  unlink(bad.c_str());
}

void loopback_has_statistics() {
  sampler::LinkSource source({{"lo", 0}, {"no-such-link", 2}, {"lo", 2}});
  source.read();
  expect(source.reading(0).is_known && source.reading(2).is_known, "lo is known, in two places");
  expect(!source.reading(1).is_known, "an absent interface is unknown");
  expect(source.reading(0).window.end_ns > source.reading(0).window.begin_ns, "the read window has a length");
}

void thread_starts_and_stops() {
  const std::string path = temporary_file("1\n");
  sampler::Plan plan;
  sampler::Channel channel;
  channel.number = 3;
  sampler::SourcePlan source;
  source.parts.push_back({std::make_unique<sampler::FileSource>(std::vector<std::string>{path}), {channel}});
  plan.sources.push_back(std::move(source));
  sampler::Sampler sampler(std::move(plan));
  sampler.start();
  while (sampler.leader()->lateness().count() < 20) std::this_thread::yield();
  sampler.stop();
  sampler::WindowRow row{};
  sampler.visit_rings([&](sampler::Rings& rings) { expect(rings.windows.pop(row) && row[sampler::kChannel] == 3, "stop gives the open window"); });
  const sampler::SourceFigures& figures = sampler.source(0).figures();
  expect(figures.read.count() == sampler.leader()->lateness().count(), "every tick reads the source");
  expect(figures.read.quantile(0.5) > 0, "reads are timed");
  unlink(path.c_str());
}

// Without the event the slow source would wait for a minute.
void threads_tell_each_other_of_events() {
  const std::string path = temporary_file("1000\n");
  sampler::Plan plan;
  sampler::Channel drops;
  drops.is_event = true;
  sampler::SourcePlan fast, slow;
  fast.parts.push_back({std::make_unique<sampler::FileSource>(std::vector<std::string>{path}), {drops}});
  slow.rules.is_slow = true;
  slow.rules.period_ns = slow.rules.idle_period_ns = 60e9;
  slow.rules.escalated_period_ns = sampler::kSlowTickNs;
  slow.parts.push_back({std::make_unique<sampler::FileSource>(std::vector<std::string>{path}), {sampler::Channel{}}});
  plan.sources.push_back(std::move(slow));
  plan.sources.push_back(std::move(fast));
  sampler::Sampler sampler(std::move(plan));
  sampler.start();
  const auto reads = [&](std::size_t source) { return sampler.source(source).figures().read.count(); };
  while (reads(0) < 1 || reads(1) < 5) std::this_thread::yield();
  // In place: an emptied file would be a lost counter.
  for (int drops_seen = 1001; reads(0) < 5 && drops_seen < 10'000; drops_seen++) {
    std::ofstream(path, std::ios::in | std::ios::out) << drops_seen << std::flush;
    const std::uint64_t until = reads(1) + 2;
    while (reads(1) < until) std::this_thread::yield();
  }
  sampler.stop();
  expect(reads(0) >= 5, "an event in the fast thread speeds up the slow one");
  unlink(path.c_str());
}

}  // namespace

int main() {
  numbers_are_digits_alone();
  ring_accounts_for_every_row();
  files_are_read_and_bad_ones_unknown();
  an_interruption_is_told_from_slowness();
  loopback_has_statistics();
  thread_starts_and_stops();
  threads_tell_each_other_of_events();
  test_sleeps();
  test_threads();
  loop_cases::run_all();
  capture_cases::run_all();
  rest_cases::run_all();
  std::printf("%d failed\n", failures);
  return failures == 0 ? 0 : 1;
}
