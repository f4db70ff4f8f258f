// What the kernel tells of counters, for JavaScript. Nothing there is ordinary; a wrong argument throws.

#include "kernel-counters.h"

#include <string>
#include <vector>

#include "../sampler/kernel-counters.h"
#include "arguments.h"

namespace binding {

namespace {

// The kernel's own limit is 15 bytes.
constexpr std::size_t kLinkMax = 64;

template <typename Values>
Napi::Array array_of(const Napi::Env& env, const Values& values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  for (std::uint32_t i = 0; i < array.Length(); i++) array.Set(i, values[i]);
  return array;
}

std::string link_of(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) throw Napi::TypeError::New(info.Env(), "link: expected a string");
  Napi::Object arguments = Napi::Object::New(info.Env());
  arguments.Set("link", info[0]);
  return text_of(arguments, "link", kLinkMax);
}

Napi::Value rdma_counters(const Napi::CallbackInfo& info) {
  const auto ports = sampler::rdma_counters();
  Napi::Array result = Napi::Array::New(info.Env(), ports.size());
  for (std::uint32_t i = 0; i < result.Length(); i++) {
    Napi::Object port = Napi::Object::New(info.Env());
    port.Set("device", ports[i].device);
    port.Set("port", ports[i].port);
    port.Set("counters", array_of(info.Env(), ports[i].counters));
    result.Set(i, port);
  }
  return result;
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
