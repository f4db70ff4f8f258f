// The functions `rdmaCounters()`, `ethtoolCounters(link)` and `losslessPriorities(link)` of the addon, as src/roce/kernel-counters.ts has them.

#pragma once

#include <napi.h>

namespace binding {

void set_kernel_counters(const Napi::Env& env, Napi::Object& exports);

}  // namespace binding
