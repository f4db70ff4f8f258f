// The delta engine. A counter that goes back has wrapped, when it is narrow and the way around is plausible, or was reset.

#include "delta.h"

namespace sampler {

namespace {

// A wrap without a line rate to judge by is believed when the counter has not gone further than this share of its range.
constexpr double kWrapShare = 1.0 / 16;

}  // namespace

Step step_back(std::uint64_t before, std::uint64_t now, double elapsed_ns, const CounterRules& rules) {
  if (rules.saturates || rules.bits >= 64) return {StepKind::kReset, 0};
  const std::uint64_t range = std::uint64_t{1} << rules.bits;
  // A reading that does not fit the width means that the width is wrong: no wrap can be worked out.
  if (before >= range) return {StepKind::kReset, 0};
  const double units = static_cast<double>(now + (range - before)) * rules.multiplier;
  const double most = rules.line_rate > 0 ? kPlausibleShare * rules.line_rate * elapsed_ns / 1e9
                                          : static_cast<double>(range) * kWrapShare * rules.multiplier;
  return units <= most ? Step{StepKind::kWrapped, units} : Step{StepKind::kReset, 0};
}

}  // namespace sampler
