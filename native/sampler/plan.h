// What a sampler is made of, as src/roce/sampler.ts tells: sources with their counters, and the rules.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "reduction.h"
#include "schedule.h"
#include "source.h"

namespace sampler {

struct SourceRules {
  std::string name;
  bool is_slow = false;
  double period_ns = 1e6;
  double max_duty = 1;
  double idle_period_ns = 1e6;
  double escalated_period_ns = 1e6;
};

struct Channel {
  // In rows.
  unsigned number = 0;
  CounterRules rules;
  unsigned port = 0;
  bool is_event = false;
  bool is_captured = false;
};

// Counters of a source that are read in the same way.
struct SourcePart {
  std::unique_ptr<Source> reader;
  // In the order of the reader's readings.
  std::vector<Channel> channels;
};

struct SourcePlan {
  SourceRules rules;
  std::vector<SourcePart> parts;
};

struct CaptureRules {
  double pre_ns = 0;
  double post_ns = 0;
  double max_ns = 0;
};

struct Plan {
  std::vector<SourcePlan> sources;
  ReductionRules reduction;
  bool has_capture = false;
  CaptureRules capture;
  ScheduleRules schedule;
  double ring_bytes = 64.0 * 1024 * 1024;
};

}  // namespace sampler
