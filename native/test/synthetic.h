// Time and counters for tests: a clock that moves when somebody sleeps or reads, and a source whose counters are functions of it.

#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "../sampler/worker.h"

// What several clocks of one test share. `at_ns` calls back once, when time has come so far.
class SyntheticTime {
 public:
  double now_ns = 1e9;

  void at_ns(double ns, std::function<void()> run) {
    next_ns_ = ns;
    next_ = std::move(run);
  }

  void advance_to(double ns) {
    if (next_ && ns >= next_ns_) {
      now_ns = std::max(now_ns, next_ns_);
      std::exchange(next_, nullptr)();
    }
    now_ns = std::max(now_ns, ns);
  }

  double next_ns() const { return next_ ? next_ns_ : std::numeric_limits<double>::infinity(); }

 private:
  double next_ns_ = 0;
  std::function<void()> next_;
};

// Sleeping takes no time of ours; `late_ns` says how late a thread wakes.
class SyntheticClock : public sampler::Clock {
 public:
  explicit SyntheticClock(SyntheticTime& time, std::function<double(double)> late_ns = nullptr) : time_(time), late_ns_(std::move(late_ns)) {}

  double now_ns() override { return time_.now_ns; }

  void sleep_until(double ns) override {
    is_called_ = false;
    if (time_.next_ns() <= ns) time_.advance_to(time_.next_ns());
    if (!is_called_) time_.advance_to(ns + (late_ns_ ? late_ns_(ns) : 0));
  }

  void wake() override { is_called_ = true; }

 private:
  SyntheticTime& time_;
  std::function<double(double)> late_ns_;
  bool is_called_ = false;
};

// Each counter is a function of time in seconds since the beginning of the test; reading takes as long as `cost_ns` says.
class SyntheticSource : public sampler::Source {
 public:
  using Signal = std::function<std::uint64_t(double)>;
  // There is no number at the moment.
  static constexpr std::uint64_t kGone = UINT64_MAX;

  SyntheticSource(SyntheticTime& time, std::vector<Signal> signals, std::function<double(double)> cost_ns = nullptr)
      : Source(signals.size(), 1), time_(time), signals_(std::move(signals)), cost_ns_(std::move(cost_ns)), begin_ns_(time.now_ns) {}

  void read() override {
    const double begin_ns = time_.now_ns;
    const double seconds = (begin_ns - begin_ns_) / 1e9;
    times->push_back(seconds);
    if (cost_ns_) time_.now_ns += cost_ns_(seconds);
    windows_[0] = {begin_ns, time_.now_ns};
    for (std::size_t i = 0; i < signals_.size(); i++) {
      const std::uint64_t value = signals_[i](seconds);
      is_known_[i] = value != kGone ? 1 : 0;
      values_[i] = value;
    }
  }

  // When it was read, in seconds; outlives the source.
  std::shared_ptr<std::vector<double>> times = std::make_shared<std::vector<double>>();

 private:
  SyntheticTime& time_;
  std::vector<Signal> signals_;
  std::function<double(double)> cost_ns_;
  double begin_ns_;
};
