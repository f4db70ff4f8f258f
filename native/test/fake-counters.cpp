// Counts in files as a device would: each counter is a pure function of the wall clock, written while it moves without a pause, so that whoever reads it finds
// the value of that moment. What it prints is the truth about itself: the longest time for which a file lagged behind.
//
// From standard input: `begin <milliseconds since the epoch>`, then `counter <value> <path>`, numbered from 0, and `move <counter> <start> <duration>
// <counts>`, nanoseconds after the beginning, in the order of their start. Prints `<longest lag, nanoseconds>` for each move.
// `reader <pid>` names a process that reads: the two get processors of their own where there are several, because a device takes no time from whoever reads it.
// test/support/fake-counters.ts does the same where there is no compiler, but for the processors.

#include <fcntl.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
/** Before a move begins: a sleep ends late by about so much. */
constexpr std::int64_t kAwake = 200'000;
constexpr int kDigits = 20;

struct Counter {
  std::uint64_t value;
  int file;
};

struct Move {
  std::size_t counter;
  std::int64_t start, duration;
  std::uint64_t counts;
  std::int64_t written_at;
  std::uint64_t counted = 0;
  std::int64_t lag = 0;
};

std::int64_t now() {
  timespec time{};
  clock_gettime(CLOCK_REALTIME, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

void sleep_until(std::int64_t ns) {
  const timespec time{static_cast<time_t>(ns / kSecond), static_cast<long>(ns % kSecond)};
  clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &time, nullptr);
}

/** Of fixed width: a reader never finds the rest of a longer number. */
void write_value(const Counter& counter) {
  char text[kDigits + 1];
  std::uint64_t rest = counter.value;
  for (int i = kDigits - 1; i >= 0; i--, rest /= 10) text[i] = static_cast<char>('0' + rest % 10);
  text[kDigits] = '\n';
  if (pwrite(counter.file, text, sizeof text, 0) != sizeof text) std::perror("pwrite");
}

/** Takes the last processor that this program may use, and leaves the others to the threads of the reader. */
void keep_apart(int reader) {
  cpu_set_t others;
  if (sched_getaffinity(0, sizeof others, &others) != 0 || CPU_COUNT(&others) < 2) return;
  int last = CPU_SETSIZE - 1;
  while (!CPU_ISSET(last, &others)) last--;
  CPU_CLR(last, &others);
  std::error_code error;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/" + std::to_string(reader) + "/task", error)) sched_setaffinity(std::stoi(thread.path().filename()), sizeof others, &others);
  cpu_set_t own;
  CPU_ZERO(&own);
  CPU_SET(last, &own);
  sched_setaffinity(0, sizeof own, &own);
}

/** Counts what has passed until `at`; whether all of it has. */
bool advance(Move& move, Counter& counter, std::int64_t at) {
  const bool ends = at >= move.start + move.duration;
  const double share = ends ? 1 : static_cast<double>(at - move.start) / static_cast<double>(move.duration);
  const auto counted = ends ? move.counts : static_cast<std::uint64_t>(share * static_cast<double>(move.counts));
  counter.value += counted - move.counted;
  move.counted = counted;
  write_value(counter);
  // Until the write was over the file had the value before, also where there is no next one to show how long that took.
  move.lag = std::max(move.lag, now() - move.written_at);
  move.written_at = at;
  return ends;
}

void count(std::vector<Counter>& counters, std::vector<Move>& moves) {
  std::vector<Move*> active;
  std::size_t next = 0;
  while (next < moves.size() || !active.empty()) {
    if (active.empty()) sleep_until(moves[next].start - kAwake);
    const std::int64_t at = now();
    while (next < moves.size() && moves[next].start <= at) active.push_back(&moves[next++]);
    active.erase(std::remove_if(active.begin(), active.end(), [&](Move* move) { return advance(*move, counters[move->counter], at); }), active.end());
  }
}

}  // namespace

int main() {
  std::int64_t begin = 0;
  std::string word;
  std::vector<Counter> counters;
  std::vector<Move> moves;
  while (std::cin >> word) {
    if (word == "begin") {
      std::cin >> begin;
      begin *= kSecond / 1000;
    } else if (word == "reader") {
      int reader = 0;
      std::cin >> reader;
      keep_apart(reader);
    } else if (word == "counter") {
      Counter counter{};
      std::string path;
      std::cin >> counter.value >> std::ws;
      std::getline(std::cin, path);
      counter.file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
      if (counter.file < 0) return std::perror(path.c_str()), 1;
      counters.push_back(counter);
    } else {
      Move move{};
      std::cin >> move.counter >> move.start >> move.duration >> move.counts;
      if (!std::cin || move.counter >= counters.size()) return 2;
      move.start += begin;
      move.written_at = move.start;
      moves.push_back(move);
    }
  }
  for (const Counter& counter : counters) write_value(counter);
  // Below the sampler, which has 10: a reading waits for nobody.
  const sched_param priority{5};
  sched_setscheduler(0, SCHED_FIFO, &priority);
  count(counters, moves);
  for (const Move& move : moves) std::printf("%" PRId64 "\n", move.lag);
  return 0;
}
