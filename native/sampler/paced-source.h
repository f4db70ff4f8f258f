// A source while it is sampled: its readers, what each counter stood at, its reducers, and its pace.

#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "clock.h"
#include "durations.h"
#include "pace.h"
#include "plan.h"
#include "port-events.h"
#include "recorders.h"
#include "reducer.h"
#include "rest.h"
#include "steady.h"

namespace sampler {

struct SourceFigures {
  Durations read;
  Tally<std::uint64_t> failed_readings;
  Tally<double> period_ns;
};

class PacedSource {
 public:
  // Tells the recorders of its ports, where there are such.
  PacedSource(SourcePlan plan, const ReductionRules& rules, const Recorders& recorders);
  PacedSource(const PacedSource&) = delete;
  PacedSource& operator=(const PacedSource&) = delete;

  // Reads, reduces and settles when the next reading is due. `now_ns` is the time; returns the time after it. True in `has_event` when an event began
  // at a calm port.
  double read(double now_ns, Clock& clock, PortEvents& events, RowSink& sink, bool& has_event);
  void finish(RowSink& sink);

  double due_ns() const { return due_ns_; }
  void set_due(double ns) { due_ns_ = ns; }
  // Next reading a period after this deadline.
  void follow(double deadline_ns, double now_ns);
  // Deadlines that passed by `now_ns` and are left out. The last one is not: it is made up for at `next_ns`, the next tick, unless another follows there. So two sources are both
  // read though the deadline of one always comes while the other is read; who lasts over a deadline of its own waits for the next.
  double skip_until(double now_ns, double next_ns);
  // Looks for events at its ports; then due no later than at `next_ns`, the next tick, if its pace asks for it.
  void heed(const PortEvents& events, double now_ns, double next_ns);

  const std::string& name() const { return rules_.name; }
  const SourceFigures& figures() const { return figures_; }
  // Calls back with each block of memory that reading touches.
  template <typename Visit>
  void visit_memory(Visit visit) const {
    for (const auto& part : parts_) {
      part.reader->visit_memory(visit);
      part.lapses.visit_memory(visit);
      part.rest.visit_memory(visit);
      part.steady.visit_memory(visit);
      visit(part.awake.data(), part.awake.size() * sizeof part.awake[0]);
      visit(part.states.data(), part.states.size() * sizeof part.states[0]);
      visit(part.reducers.data(), part.reducers.size() * sizeof part.reducers[0]);
    }
    visit(this, sizeof *this);
  }

 private:
  // What its source has to know about a counter.
  struct State {
    std::uint64_t value = 0;
    // Counts a nanosecond that are traffic; 0 for what is none or has no line rate.
    double busy_rate = 0;
    unsigned port = 0;
    bool is_known = false;
    bool is_event = false;
    bool has_moved = false;
  };
  struct Part {
    explicit Part(std::unique_ptr<Source> source) : reader(std::move(source)), lapses(*reader), rest(reader->size()), steady(reader->size()), awake(reader->size()) {}
    std::unique_ptr<Source> reader;
    Lapses lapses;
    Rest rest;
    Steady steady;
    // The counters that do not rest.
    std::vector<std::uint32_t> awake;
    std::vector<State> states;
    std::vector<Reducer> reducers;
  };
  // What a round of readings showed.
  struct Round {
    double now_ns;
    double elapsed_ns;
    PortEvents& events;
    RowSink& sink;
    bool is_busy = false;
    bool has_event = false;
  };

  void record(Reducer& reducer, const Channel& channel, Recorder* recorder) const;
  void take(Part& part, Round& round);
  bool moves_on(Part& part, std::size_t counter, Round& round);
  void take_one(Part& part, std::size_t counter, Round& round);
  std::size_t find_awake(Part& part, bool is_in_window);
  void wake(Part& part, std::size_t counter);
  void wake_all();
  void note_move(State& state, const Reducer& reducer, std::uint64_t value, Round& round);
  void lose(Part& part, std::size_t counter, Round& round);
  void judge_refresh();
  void apply_period(double now_ns);

  SourceRules rules_;
  ReductionRules reduction_;
  double tick_ns_;
  std::vector<Part> parts_;
  std::vector<unsigned> ports_;
  bool has_line_rate_ = false;
  Pace pace_;
  double due_ns_ = 0;
  // Of the last reading: when it was due, when it was, and when it was over.
  double deadline_ns_ = 0;
  double read_ns_ = 0;
  double end_ns_ = 0;
  std::uint64_t events_seen_ = 0;
  SourceFigures figures_;
};

}  // namespace sampler
