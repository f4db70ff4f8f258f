// What the kernel tells of counters, for JavaScript. Nothing there is ordinary; a wrong argument throws.

#include "kernel-counters.h"

#include <string>
#include <vector>

#include "../sampler/kernel-counters.h"
#include "arguments.h"

namespace binding {

namespace {

// The kernel's own limits are 15 bytes for interfaces, and 63 for devices.
constexpr std::size_t kNameMax = 64;
constexpr double kPortMax = 255;

template <typename Values>
Napi::Array array_of(const Napi::Env& env, const Values& values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  for (std::uint32_t i = 0; i < array.Length(); i++) array.Set(i, values[i]);
  return array;
}

// An argument as a property, which the checks are for.
Napi::Object argument_of(const Napi::CallbackInfo& info, std::size_t place, const char* name) {
  Napi::Object arguments = Napi::Object::New(info.Env());
  arguments.Set(name, info[place]);
  return arguments;
}

std::string link_of(const Napi::CallbackInfo& info) { return text_of(argument_of(info, 0, "link"), "link", kNameMax); }

Napi::Value rdma_counters(const Napi::CallbackInfo& info) {
  const std::string device = text_of(argument_of(info, 0, "device"), "device", kNameMax);
  const double port = whole_of(argument_of(info, 1, "port"), "port", {1, kPortMax});
  return array_of(info.Env(), sampler::rdma_counters(device, static_cast<std::uint32_t>(port)));
}

Napi::Value ethtool_counters(const Napi::CallbackInfo& info) {
  const sampler::EthtoolCounters counters = sampler::ethtool_counters(link_of(info));
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("mac", array_of(info.Env(), counters.mac));
  result.Set("ctrl", array_of(info.Env(), counters.ctrl));
  result.Set("pause", array_of(info.Env(), counters.pause));
  result.Set("strings", array_of(info.Env(), counters.strings));
  return result;
}

Napi::Value lossless_priorities(const Napi::CallbackInfo& info) {
  const auto priorities = sampler::lossless_priorities(link_of(info));
  return priorities ? array_of(info.Env(), *priorities) : info.Env().Undefined();
}

}  // namespace

void set_kernel_counters(const Napi::Env& env, Napi::Object& exports) {
  exports.Set("rdmaCounters", Napi::Function::New<rdma_counters>(env));
  exports.Set("ethtoolCounters", Napi::Function::New<ethtool_counters>(env));
  exports.Set("losslessPriorities", Napi::Function::New<lossless_priorities>(env));
}

}  // namespace binding
