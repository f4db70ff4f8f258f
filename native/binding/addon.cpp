// The boundary to JavaScript: `new Sampler(options)` with `start()`, `drain()`, `figures()` and `stop()`, and what kernel-counters.h has. Every argument is checked here, so that nothing
// a script does ends in undefined behaviour: a wrong one throws a TypeError or RangeError that names it.

#include <napi.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "../sampler/sampler.h"
#include "arguments.h"
#include "kernel-counters.h"
#include "plan.h"

namespace {

// Takes the rows that there are now: what is produced meanwhile waits for the next call, or this one might not end. Returns how many were produced by then.
template <typename Row>
std::uint64_t drain_ring(sampler::Ring<Row>& ring, std::vector<double>& numbers) {
  Row row{};
  const std::uint64_t produced = ring.produced();
  while (ring.settled() < produced && ring.pop(row)) numbers.insert(numbers.end(), row.begin(), row.end());
  // A writer that overwrote what was about to be read has made the reader jump further.
  return std::max(produced, ring.settled());
}

Napi::Float64Array array_of(const Napi::Env& env, const std::vector<double>& numbers) {
  auto result = Napi::Float64Array::New(env, numbers.size());
  std::copy(numbers.begin(), numbers.end(), result.Data());
  return result;
}

class SamplerObject : public Napi::ObjectWrap<SamplerObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Sampler",
                       {InstanceMethod<&SamplerObject::start>("start"), InstanceMethod<&SamplerObject::stop>("stop"),
                        InstanceMethod<&SamplerObject::drain>("drain"), InstanceMethod<&SamplerObject::figures>("figures")});
  }

  explicit SamplerObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SamplerObject>(info) {
    sampler_ = std::make_unique<sampler::Sampler>(binding::plan_of(binding::object_of(info.Env(), info[0], "options")));
  }

 private:
  Napi::Value start(const Napi::CallbackInfo& info) {
    if (is_started_) throw Napi::Error::New(info.Env(), "the sampler was started before");
    is_started_ = true;
    sampler_->start();
    return info.Env().Undefined();
  }

  Napi::Value stop(const Napi::CallbackInfo& info) {
    sampler_->stop();
    return info.Env().Undefined();
  }

  Napi::Value drain(const Napi::CallbackInfo& info) {
    std::vector<double> windows, bursts, captures, capture_starts;
    double produced = 0, overwritten = 0;
    const auto take = [&](auto& ring, std::vector<double>& numbers) {
      produced += static_cast<double>(drain_ring(ring, numbers));
      overwritten += static_cast<double>(ring.overwritten());
    };
    sampler_->visit_rings([&](sampler::Rings& rings) {
      take(rings.windows, windows);
      take(rings.bursts, bursts);
      take(rings.captures, captures);
      take(rings.capture_starts, capture_starts);
    });
    Napi::Object rows = Napi::Object::New(info.Env());
    rows.Set("windows", array_of(info.Env(), windows));
    rows.Set("bursts", array_of(info.Env(), bursts));
    rows.Set("captures", array_of(info.Env(), captures));
    rows.Set("captureStarts", array_of(info.Env(), capture_starts));
    rows.Set("produced", produced);
    rows.Set("overwritten", overwritten);
    return rows;
  }

  Napi::Value figures(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    static constexpr const char* policies[] = {"fifo", "nice", "plain"};
    static const sampler::Durations none;
    const sampler::Worker* leader = sampler_->leader();
    Napi::Object result = Napi::Object::New(env);
    result.Set("policy", policies[static_cast<int>(leader == nullptr ? sampler::Policy::kPlain : leader->policy())]);
    result.Set("ticks", leader == nullptr ? 0 : static_cast<double>(leader->lateness().count()));
    result.Set("missed", leader == nullptr ? 0 : static_cast<double>(leader->missed()));
    result.Set("cpuSeconds", sampler_->cpu_seconds());
    set_durations(result, "lateness", leader == nullptr ? none : leader->lateness());
    Napi::Array sources = Napi::Array::New(env, sampler_->source_count());
    for (std::uint32_t i = 0; i < sampler_->source_count(); i++) sources.Set(i, source_figures(env, sampler_->source(i)));
    result.Set("sources", sources);
    return result;
  }

  static Napi::Object source_figures(const Napi::Env& env, const sampler::PacedSource& source) {
    const sampler::SourceFigures& figures = source.figures();
    Napi::Object result = Napi::Object::New(env);
    result.Set("source", source.name());
    result.Set("reads", static_cast<double>(figures.read.count()));
    result.Set("failedReadings", static_cast<double>(figures.failed_readings.get()));
    result.Set("periodNs", figures.period_ns.get());
    set_durations(result, "read", figures.read);
    return result;
  }

  static void set_durations(Napi::Object& object, const std::string& name, const sampler::Durations& durations) {
    object.Set(name + "P50Ns", durations.quantile(0.5));
    object.Set(name + "P99Ns", durations.quantile(0.99));
    object.Set(name + "MaxNs", durations.max());
    object.Set(name + "SumNs", durations.sum());
    Napi::Array buckets = Napi::Array::New(object.Env(), sampler::kDurationEdgesNs.size() + 1);
    for (std::uint32_t i = 0; i < buckets.Length(); i++) buckets.Set(i, static_cast<double>(durations.published(i)));
    object.Set(name + "Buckets", buckets);
  }

  std::unique_ptr<sampler::Sampler> sampler_;
  bool is_started_ = false;
};

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("Sampler", SamplerObject::define(env));
  binding::set_kernel_counters(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(sampler, init)
