// Reduces readings from standard input and prints the rows, so that one suite judges this core and the one in TypeScript. Lines:
//   rules <period> <window> <align> <enter> <leave> <merge gap> <least intervals> <thresholds...>
//   capture <pre> <post> <max>
//   counter <bits> <saturates> <multiplier> <line rate> <refresh, -1: to be learned> <port> <is event> <is captured>   one for each
//   <counter> <value> <begin> <end>
//   lost <counter>
//   period <counter> <new period>

#include <cinttypes>
#include <cstdio>
#include <deque>
#include <iostream>
#include <map>
#include <sstream>
#include <string>

#include "../sampler/reducer.h"

namespace {

class Printer : public sampler::RowSink {
 public:
  void window(const sampler::WindowRow& row) override { print("window", row.data(), row.size()); }
  void burst(const sampler::BurstRow& row) override { print("burst", row.data(), row.size()); }
  void capture_start(const sampler::CaptureStart& row) override { print("start", row.data(), row.size()); }
  void capture(const sampler::CaptureRow& row) override { print("capture", row.data(), row.size()); }

 private:
  static void print(const char* kind, const double* numbers, std::size_t count) {
    std::printf("%s", kind);
    for (std::size_t i = 0; i < count; i++) std::printf(" %.17g", numbers[i]);
    std::printf("\n");
  }
};

class Replay {
 public:
  bool take(const std::string& line) {
    std::istringstream words(line);
    std::string kind;
    words >> kind;
    if (kind == "rules") return take_rules(words);
    if (kind == "capture") return has_capture_ = static_cast<bool>(words >> capture_.pre_ns >> capture_.post_ns >> capture_.max_ns);
    if (kind == "counter") return take_counter(words);
    std::size_t counter = 0;
    double period = 0;
    if (kind == "lost" && words >> counter && counter < reducers_.size()) return reducers_[counter].lose(printer_), true;
    if (kind == "period" && words >> counter >> period && counter < reducers_.size()) return reducers_[counter].set_period(period), true;
    std::uint64_t value = 0;
    double begin = 0, end = 0;
    if (std::sscanf(line.c_str(), "%zu %" SCNu64 " %lf %lf", &counter, &value, &begin, &end) != 4 || counter >= reducers_.size()) return false;
    reducers_[counter].take(value, begin, end, printer_);
    return true;
  }

  void finish() {
    for (auto& reducer : reducers_) reducer.finish(printer_);
  }

 private:
  bool take_rules(std::istringstream& words) {
    words >> rules_.period_ns >> rules_.window_ns >> rules_.align_ns >> rules_.enter >> rules_.leave >> rules_.merge_gap >> rules_.min_intervals;
    if (!words) return false;
    while (rules_.threshold_count < sampler::kThresholdsMax && words >> rules_.thresholds[rules_.threshold_count]) rules_.threshold_count++;
    return true;
  }

  bool take_counter(std::istringstream& words) {
    sampler::CounterRules counter;
    double port = 0;
    bool is_event = false, is_captured = false;
    if (!(words >> counter.bits >> counter.saturates >> counter.multiplier >> counter.line_rate >> counter.refresh_ns >> port >> is_event >> is_captured)) return false;
    counter.learns_refresh = counter.refresh_ns < 0;
    const auto channel = static_cast<double>(reducers_.size());
    reducers_.emplace_back(channel, counter, rules_);
    if (!has_capture_) return true;
    auto& recorder = recorders_.try_emplace(port, port, capture_, nullptr).first->second;
    reducers_.back().record(&recorder, is_event, is_captured ? recorder.add(channel, rules_.period_ns, counter.line_rate > 0) : sampler::Reducer::kNoPlace);
    return true;
  }

  Printer printer_;
  sampler::ReductionRules rules_;
  sampler::CaptureRules capture_;
  bool has_capture_ = false;
  std::map<double, sampler::Recorder> recorders_;
  std::deque<sampler::Reducer> reducers_;
};

}  // namespace

int main() {
  Replay replay;
  std::string line;
  while (std::getline(std::cin, line))
    if (!replay.take(line)) return 2;
  replay.finish();
  return 0;
}
