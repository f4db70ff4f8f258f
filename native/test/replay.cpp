// Reduces readings from standard input and prints the rows, so that one suite judges this core and the one in TypeScript. First line: bits,
// saturates, multiplier, line rate, refresh (-1: to be learned), period, window, align, enter, leave, merge gap, least intervals, then the thresholds.
// Every other line: value, begin, end; or `lost`; or `period` and the new one.

#include <cinttypes>
#include <cstdio>
#include <iostream>
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

}  // namespace

int main() {
  std::string line;
  if (!std::getline(std::cin, line)) return 2;
  std::istringstream head(line);
  sampler::CounterRules counter;
  sampler::ReductionRules rules;
  head >> counter.bits >> counter.saturates >> counter.multiplier >> counter.line_rate >> counter.refresh_ns;
  head >> rules.period_ns >> rules.window_ns >> rules.align_ns >> rules.enter >> rules.leave >> rules.merge_gap >> rules.min_intervals;
  if (!head) return 2;
  counter.learns_refresh = counter.refresh_ns < 0;
  while (rules.threshold_count < sampler::kThresholdsMax && head >> rules.thresholds[rules.threshold_count]) rules.threshold_count++;
  sampler::Reducer reducer(0, counter, rules);
  Printer printer;
  while (std::getline(std::cin, line)) {
    std::uint64_t value = 0;
    double begin = 0, end = 0, period = 0;
    if (line == "lost") reducer.lose(printer);
    else if (std::sscanf(line.c_str(), "period %lf", &period) == 1) reducer.set_period(period);
    else if (std::sscanf(line.c_str(), "%" SCNu64 " %lf %lf", &value, &begin, &end) == 3) reducer.take(value, begin, end, printer);
    else return 2;
  }
  reducer.finish(printer);
  return 0;
}
