// Counts what readings ended. See lapses.h.

#include "lapses.h"

#include <algorithm>
#include <limits>

#include "refresh.h"

namespace sampler {

namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

}  // namespace

Lapses::Lapses(const Source& source) : before_(source.windows().size(), {kNever, 0, 0}), now_(before_), border_ns_(kNever) {}

bool Lapses::note_reading(const Source& source, double now_ns, const ReductionRules& rules) {
  const double shortest_ns = shortest_interval_ns(rules.period_ns);
  double first_ns = std::numeric_limits<double>::infinity();
  double last_ns = kNever;
  steady_max_ns_ = kApartPeriods * rules.period_ns;
  for (std::size_t i = 0; i < now_.size(); i++) {
    const ReadWindow& window = source.windows()[i];
    // Not read this time: nothing of it is known.
    if (window.begin_ns < now_ns) continue;
    const double ns = (window.begin_ns + window.end_ns) / 2;
    const double elapsed_ns = ns - now_[i].mark_ns;
    first_ns = std::min(first_ns, ns);
    last_ns = std::max(last_ns, ns);
    if (ends_interval(elapsed_ns, window.end_ns - window.begin_ns, shortest_ns)) now_[i] = {ns, now_[i].count + 1, elapsed_ns};
  }
  if (last_ns < border_ns_) return true;
  // The border may lie between two windows of this reading: it is passed when all are behind it.
  if (first_ns >= border_ns_ && last_ns > kNever) border_ns_ = window_end_ns(rules, first_ns);
  return false;
}

}  // namespace sampler
