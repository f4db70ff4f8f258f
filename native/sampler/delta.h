// The delta engine: two readings of a counter become what was counted between them, or the reason why that is not known. See src/roce/delta.ts.

#pragma once

#include "reduction.h"

namespace sampler {

enum class StepKind { kCounted, kWrapped, kReset };

struct Step {
  StepKind kind;
  double units;
};

// Of a counter that went back.
Step step_back(std::uint64_t before, std::uint64_t now, double elapsed_ns, const CounterRules& rules);

inline Step step_of(std::uint64_t before, std::uint64_t now, double elapsed_ns, const CounterRules& rules) {
  if (now >= before) return {StepKind::kCounted, static_cast<double>(now - before) * rules.multiplier};
  return step_back(before, now, elapsed_ns, rules);
}

// Stands at the largest value of its width: there may have been more than it says.
inline bool is_saturated(std::uint64_t value, const CounterRules& rules) {
  return rules.bits < 64 && value == (std::uint64_t{1} << rules.bits) - 1;
}

}  // namespace sampler
