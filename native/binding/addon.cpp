// The boundary to JavaScript: `new Sampler(options)` with `start()`, `drain()`, `figures()` and `stop()`. Every argument is checked here, so that nothing
// a script does ends in undefined behaviour: a wrong one throws a TypeError or RangeError that names it.

#include <napi.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "../sampler/sampler.h"
#include "arguments.h"
#include "plan.h"

namespace {

template <typename Row>
Napi::Float64Array drain_ring(const Napi::Env& env, sampler::Ring<Row>& ring) {
  std::vector<double> numbers;
  Row row{};
  // What is produced meanwhile waits for the next call, or this one might not end.
  for (std::uint64_t left = ring.produced() - ring.consumed() - ring.overwritten(); left > 0 && ring.pop(row); left--)
    numbers.insert(numbers.end(), row.begin(), row.end());
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
    Napi::Object rows = Napi::Object::New(info.Env());
    rows.Set("windows", drain_ring(info.Env(), sampler_->windows()));
    rows.Set("bursts", drain_ring(info.Env(), sampler_->bursts()));
    rows.Set("produced", static_cast<double>(sampler_->windows().produced() + sampler_->bursts().produced()));
    rows.Set("overwritten", static_cast<double>(sampler_->windows().overwritten() + sampler_->bursts().overwritten()));
    return rows;
  }

  Napi::Value figures(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    static constexpr const char* policies[] = {"fifo", "nice", "plain"};
    Napi::Object result = Napi::Object::New(env);
    result.Set("policy", policies[static_cast<int>(sampler_->policy())]);
    result.Set("ticks", static_cast<double>(sampler_->ticks()));
    result.Set("missed", static_cast<double>(sampler_->missed()));
    result.Set("cpuSeconds", sampler_->cpu_seconds());
    set_durations(result, "lateness", sampler_->lateness());
    Napi::Array sources = Napi::Array::New(env, sampler_->source_count());
    for (std::uint32_t i = 0; i < sampler_->source_count(); i++) {
      const sampler::SourceFigures& figures = sampler_->figures(i);
      Napi::Object source = Napi::Object::New(env);
      source.Set("source", sampler_->name(i));
      source.Set("reads", static_cast<double>(figures.read.count()));
      source.Set("failedReadings", static_cast<double>(figures.failed_readings.get()));
      source.Set("periodNs", figures.period_ns.get());
      set_durations(source, "read", figures.read);
      sources.Set(i, source);
    }
    result.Set("sources", sources);
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
  return exports;
}

}  // namespace

NODE_API_MODULE(sampler, init)
