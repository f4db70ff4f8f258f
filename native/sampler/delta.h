// The delta engine: two readings of a counter become what was counted between them, or the reason why that is not known. See src/roce/delta.ts.

#pragma once

#include "reduction.h"

namespace sampler {

enum class StepKind { kCounted, kWrapped, kReset };

struct Step {
  StepKind kind;
  double units;
};

Step step_of(std::uint64_t before, std::uint64_t now, double elapsed_ns, const CounterRules& rules);

// Stands at the largest value of its width: there may have been more than it says.
bool is_saturated(std::uint64_t value, const CounterRules& rules);

}  // namespace sampler
