// What a source takes usually, so that an interruption is told from a source that is slow.

#include <algorithm>

#include "source.h"

namespace sampler {

namespace {

// What took longer than so many usual ones was interrupted.
constexpr double kInterrupted = 2;
constexpr double kUsualWeight = 1.0 / 64;

}  // namespace

double Usual::excess_of(double taken_ns) {
  // Nothing was done: that says nothing of how long it takes.
  if (taken_ns <= 0) return 0;
  const double most_ns = kInterrupted * ns_;
  const double excess_ns = ns_ == 0 ? 0 : std::max(0.0, taken_ns - most_ns);
  ns_ = ns_ == 0 ? taken_ns : ns_ + kUsualWeight * (std::min(taken_ns, 2 * most_ns) - ns_);
  return excess_ns;
}

}  // namespace sampler
