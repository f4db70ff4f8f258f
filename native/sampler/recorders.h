// The recorders of a plan, by thread and port: null where there is nothing to record. The fast thread decides about a port of which it reads captured counters.

#pragma once

#include <array>
#include <memory>
#include <vector>

#include "capture.h"
#include "plan.h"

namespace sampler {

// Of one thread, by port.
using Recorders = std::vector<std::unique_ptr<Recorder>>;

// `sources` are those of the fast and of the slow thread. A recorder of the one may point to one of the other: both live as long as the threads.
std::array<Recorders, 2> make_recorders(const std::array<std::vector<SourcePlan>, 2>& sources, std::size_t ports, const CaptureRules& rules);

}  // namespace sampler
