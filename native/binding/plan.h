// A `SamplerPlan` of src/roce/sampler.ts, checked and turned into what the core takes.

#pragma once

#include <napi.h>

#include "../sampler/plan.h"

namespace binding {

sampler::Plan plan_of(const Napi::Object& given);

}  // namespace binding
