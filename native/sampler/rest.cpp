// When counters rest. See rest.h.

#include "rest.h"

#include <algorithm>
#include <limits>

namespace sampler {

namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

}  // namespace

Rest::Rest(const Source& source)
    : values_(source.size()), is_resting_(source.size()), counts_(source.size()), before_(source.windows().size(), {kNever, 0}), now_(before_), border_ns_(kNever) {}

bool Rest::note_reading(const Source& source, double now_ns, double shortest_ns, const ReductionRules& rules) {
  double first_ns = std::numeric_limits<double>::infinity();
  double last_ns = kNever;
  for (std::size_t i = 0; i < now_.size(); i++) {
    const ReadWindow& window = source.windows()[i];
    // Not read this time: nothing of it is known.
    if (window.begin_ns < now_ns) continue;
    const double ns = (window.begin_ns + window.end_ns) / 2;
    first_ns = std::min(first_ns, ns);
    last_ns = std::max(last_ns, ns);
    if (ends_interval(ns - now_[i].mark_ns, window.end_ns - window.begin_ns, shortest_ns)) now_[i] = {ns, now_[i].count + 1};
  }
  if (last_ns < border_ns_) return true;
  // The border may lie between two windows of this reading: it is passed when all are behind it.
  if (first_ns >= border_ns_ && last_ns > kNever) border_ns_ = window_end_ns(rules, first_ns);
  return false;
}

}  // namespace sampler
