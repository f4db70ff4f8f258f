// The loop of one thread. See worker.h.

#include "worker.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "memory.h"

namespace sampler {

namespace {

// Reading the thread's CPU time is a system call: not at every tick.
constexpr std::uint64_t kCpuTicks = 64;

}  // namespace

class Worker::Sink : public RowSink {
 public:
  explicit Sink(Rings& rings) : rings_(rings) {}
  void window(const WindowRow& row) override { rings_.windows.push(row); }
  void burst(const BurstRow& row) override { rings_.bursts.push(row); }
  void capture_start(const CaptureStart& row) override { rings_.capture_starts.push(row); }
  void capture(const CaptureRow& row) override { rings_.captures.push(row); }

 private:
  Rings& rings_;
};

Worker::Worker(std::vector<SourcePlan> sources, const ReductionRules& reduction, const ScheduleRules& schedule, const RingSizes& sizes, PortEvents& events,
               std::unique_ptr<Clock> clock, Recorders recorders)
    : tick_ns_(reduction.period_ns), schedule_(schedule), events_(events), clock_(std::move(clock)), recorders_(std::move(recorders)), rings_(sizes) {
  for (auto& source : sources) sources_.push_back(std::make_unique<PacedSource>(std::move(source), reduction, recorders_));
  visit_memory(lock_memory);
}

Worker::~Worker() {
  request_stop();
  join();
}

void Worker::start(Worker* peer) {
  peer_ = peer;
  thread_ = std::thread([this] { run(); });
}

void Worker::request_stop() {
  is_stopping_.store(true, std::memory_order_relaxed);
  clock_->wake();
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
  // Not when it is freed: locks do not nest, and by then the next sampler may have locked pages that have blocks of both.
  if (std::exchange(is_locked_, false)) visit_memory(unlock_memory);
}

void Worker::run() {
  lock_stack();
  policy_.store(raise_thread(schedule_), std::memory_order_relaxed);
  Sink sink(rings_);
  grid_ns_ = clock_->now_ns();
  for (auto& source : sources_) source->set_due(grid_ns_ + tick_ns_);
  for (;;) {
    const double deadline_ns = earliest_ns();
    clock_->sleep_until(deadline_ns);
    if (is_stopping_.load(std::memory_order_relaxed)) break;
    double now_ns = clock_->now_ns();
    // Woken before: something happened at a port.
    if (now_ns >= deadline_ns) now_ns = tick(deadline_ns, now_ns, sink);
    const double next_ns = grid_ns_ + (std::floor((now_ns - grid_ns_) / tick_ns_) + 1) * tick_ns_;
    for (auto& source : sources_) source->heed(events_, now_ns, next_ns);
    for (auto& recorder : recorders_)
      if (recorder) recorder->heed(sink);
    count_missed(now_ns, next_ns);
  }
  for (auto& source : sources_) source->finish(sink);
  cpu_seconds_.set(seconds_of(CLOCK_THREAD_CPUTIME_ID));
}

double Worker::earliest_ns() const {
  double earliest = std::numeric_limits<double>::infinity();
  for (const auto& source : sources_) earliest = std::min(earliest, source->due_ns());
  return earliest;
}

double Worker::tick(double deadline_ns, double now_ns, Sink& sink) {
  lateness_.add(now_ns - deadline_ns);
  bool has_event = false;
  for (auto& source : sources_) {
    // Each may wait for a device, and somebody waits for this thread to end.
    if (is_stopping_.load(std::memory_order_relaxed)) break;
    // Sums of periods are not exact to the nanosecond.
    if (source->due_ns() > deadline_ns + tick_ns_ / 2) continue;
    now_ns = source->read(now_ns, *clock_, events_, sink, has_event);
    source->follow(deadline_ns, now_ns);
  }
  if (has_event && peer_ != nullptr) peer_->wake();
  if (lateness_.count() % kCpuTicks == 0) cpu_seconds_.set(seconds_of(CLOCK_THREAD_CPUTIME_ID));
  return now_ns;
}

// Of the source that is read most often: the deadlines of the others are among its own.
void Worker::count_missed(double now_ns, double next_ns) {
  double missed = 0;
  for (auto& source : sources_) missed = std::max(missed, source->skip_until(now_ns, next_ns));
  if (missed > 0) missed_.add(static_cast<std::uint64_t>(missed));
}

template <typename Visit>
void Worker::visit_memory(Visit visit) const {
  for (const auto& source : sources_) source->visit_memory(visit);
  for (const auto& recorder : recorders_)
    if (recorder) recorder->visit_memory(visit);
  rings_.windows.visit_memory(visit);
  rings_.bursts.visit_memory(visit);
  rings_.captures.visit_memory(visit);
  rings_.capture_starts.visit_memory(visit);
  visit(this, sizeof *this);
}

}  // namespace sampler
