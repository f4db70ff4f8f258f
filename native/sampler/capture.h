// Keeps the intervals of one port's captured counters at full resolution around events: src/roce/capture.ts has the rules and the reasons. One recorder of a
// port decides, and a port that is read by both threads has a second one in the other thread, which follows it. Allocates nothing after `add`.

#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <vector>

#include "burst.h"
#include "plan.h"
#include "reduction.h"

namespace sampler {

// Intervals kept of one counter, at most.
constexpr std::size_t kKeptMax = 8192;

class Recorder {
 public:
  // `leader` is the recorder that decides, in the other thread, and outlives this one's use; null for the one that decides.
  Recorder(double port, const CaptureRules& rules, Recorder* leader) : port_(port), rules_(rules), leader_(leader) {}
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Before the start: a counter to keep, which is read every `period_ns` or more seldom. Returns its place here.
  std::size_t add(double channel, double period_ns, bool is_traffic);

  // The next interval of the counter at that place.
  void take(std::size_t place, const Interval& interval, RowSink& sink);
  // A counter of trouble moved.
  void note_event(double channel, double at_ns, RowSink& sink);
  // A burst began, and ended.
  void begin_burst(double channel, double at_ns, RowSink& sink);
  void end_burst(double at_ns, RowSink& sink);
  // Looks for what the other thread noted; every tick.
  void heed(RowSink& sink);
  // Intervals up to this time are wanted at once.
  double until_ns() const { return until_ns_.load(std::memory_order_relaxed); }

  template <typename Visit>
  void visit_memory(Visit visit) const {
    for (const auto& counter : counters_) visit(counter.kept.data(), counter.kept.size() * sizeof counter.kept[0]);
    visit(this, sizeof *this);
  }

 private:
  struct Kept {
    double at_ns = 0;
    double value = 0;
  };
  // A counter and its latest intervals that were not given, in a ring.
  struct Counter {
    double channel = 0;
    bool is_traffic = false;
    std::vector<Kept> kept;
    std::size_t first = 0;
    std::size_t count = 0;
  };
  void put(Counter& counter, double at_ns, double value, RowSink& sink);
  bool begin(double channel, double at_ns, RowSink& sink);
  void settle(RowSink& sink);
  void give_kept(RowSink& sink);
  void follow(RowSink& sink);
  void ring(double channel, double at_ns);

  double port_;
  CaptureRules rules_;
  Recorder* leader_;
  std::vector<Counter> counters_;
  // The capture that lasts, or the last one. Read by the follower.
  std::atomic<double> from_ns_{0};
  std::atomic<double> until_ns_{-std::numeric_limits<double>::infinity()};
  // It ends then, whatever goes on; or then, when nothing more happens.
  double limit_ns_ = 0;
  double calm_ns_ = 0;
  double open_bursts_ = 0;
  // What the other thread noted last. Two of its events may be told as one.
  std::atomic<double> rung_channel_{0};
  std::atomic<double> rung_at_ns_{0};
  std::atomic<std::uint64_t> rung_{0};
  std::uint64_t heard_ = 0;
};

}  // namespace sampler
