// The boundary to JavaScript: `new Sampler(options)` with `start()`, `drain()`, `figures()` and `stop()`. Every argument is checked here, so that nothing
// a script does ends in undefined behaviour: a wrong one throws a TypeError or RangeError that names it.

#include <napi.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "../sampler/sampler.h"

namespace {

// Sooner than every 0.1 ms the wake-ups alone take a fifth of a core. The number of channels is that of src/roce/sampler.ts; repeated,
// because nothing is trusted here.
constexpr double kPeriodNsMin = 1e5;
constexpr double kPeriodNsMax = 1e9;
constexpr double kWindowNsMin = 1e8;
constexpr double kWindowNsMax = 60e9;
constexpr std::uint32_t kChannelsMax = 4096;
constexpr std::size_t kPathMax = 4096;

double number_of(const Napi::Object& object, const char* name, double least, double most) {
  const Napi::Value value = object.Get(name);
  if (!value.IsNumber()) throw Napi::TypeError::New(object.Env(), std::string(name) + ": expected a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= least && number <= most)) throw Napi::RangeError::New(object.Env(), std::string(name) + ": out of range");
  return number;
}

double whole_of(const Napi::Object& object, const char* name, double least, double most) {
  const double number = number_of(object, name, least, most);
  if (number != std::floor(number)) throw Napi::RangeError::New(object.Env(), std::string(name) + ": expected a whole number");
  return number;
}

bool flag_of(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsBoolean()) throw Napi::TypeError::New(object.Env(), std::string(name) + ": expected a boolean");
  return value.As<Napi::Boolean>().Value();
}

std::string text_of(const Napi::Object& object, const char* name, std::size_t bytes_max) {
  const Napi::Value value = object.Get(name);
  if (!value.IsString()) throw Napi::TypeError::New(object.Env(), std::string(name) + ": expected a string");
  std::string text = value.As<Napi::String>().Utf8Value();
  if (text.empty() || text.size() > bytes_max || text.find('\0') != std::string::npos)
    throw Napi::RangeError::New(object.Env(), std::string(name) + ": expected 1 to " + std::to_string(bytes_max) + " bytes without NUL");
  return text;
}

Napi::Object object_of(const Napi::Env& env, const Napi::Value& value, const char* name) {
  if (!value.IsObject()) throw Napi::TypeError::New(env, std::string(name) + ": expected an object");
  return value.As<Napi::Object>();
}

Napi::Array array_of(const Napi::Object& object, const char* name, std::uint32_t most) {
  const Napi::Value value = object.Get(name);
  if (!value.IsArray()) throw Napi::TypeError::New(object.Env(), std::string(name) + ": expected an array");
  const auto array = value.As<Napi::Array>();
  if (array.Length() > most) throw Napi::RangeError::New(object.Env(), std::string(name) + ": at most " + std::to_string(most));
  return array;
}

sampler::ReductionRules rules_of(const Napi::Object& given) {
  sampler::ReductionRules rules;
  rules.period_ns = number_of(given, "periodNs", kPeriodNsMin, kPeriodNsMax);
  rules.window_ns = number_of(given, "windowNs", kWindowNsMin, kWindowNsMax);
  rules.align_ns = number_of(given, "alignNs", -1e19, 1e19);
  rules.enter = number_of(given, "enter", 0.01, 1);
  rules.leave = number_of(given, "leave", 0, rules.enter);
  rules.merge_gap = static_cast<unsigned>(whole_of(given, "mergeGap", 0, 1000));
  const Napi::Array thresholds = array_of(given, "thresholds", sampler::kThresholdsMax);
  for (std::uint32_t i = 0; i < thresholds.Length(); i++) {
    const Napi::Value value = thresholds.Get(i);
    if (!value.IsNumber()) throw Napi::TypeError::New(given.Env(), "thresholds: expected numbers");
    rules.thresholds[rules.threshold_count++] = value.As<Napi::Number>().DoubleValue();
  }
  return rules;
}

sampler::CounterRules counter_of(const Napi::Object& given) {
  sampler::CounterRules counter;
  counter.bits = static_cast<unsigned>(whole_of(given, "bits", 1, 64));
  counter.saturates = flag_of(given, "saturates");
  counter.multiplier = number_of(given, "multiplier", 1, 1024);
  counter.line_rate = number_of(given, "lineRate", 0, 1e15);
  counter.refresh_ns = number_of(given, "refreshNs", 0, 60e9);
  return counter;
}

// All counters of interfaces become one source, all files of one group another.
class SourceBuilder {
 public:
  void add(const Napi::Object& given, unsigned number) {
    const sampler::Channel channel{number, counter_of(object_of(given.Env(), given.Get("rules"), "rules"))};
    const std::string group = text_of(given, "source", 64);
    if (given.Get("path").IsUndefined()) {
      links_[group].first.push_back({text_of(given, "link", 64), static_cast<unsigned>(whole_of(given, "field", 0, sampler::kLinkFields - 1))});
      links_[group].second.push_back(channel);
      return;
    }
    files_[group].first.push_back(text_of(given, "path", kPathMax));
    files_[group].second.push_back(channel);
  }

  std::vector<sampler::SourceChannels> build(std::vector<std::string>& names) {
    std::vector<sampler::SourceChannels> sources;
    for (auto& [group, links] : links_) {
      names.push_back(group);
      sources.push_back({std::make_unique<sampler::LinkSource>(std::move(links.first)), std::move(links.second)});
    }
    for (auto& [group, files] : files_) {
      names.push_back(group);
      sources.push_back({std::make_unique<sampler::FileSource>(std::move(files.first)), std::move(files.second)});
    }
    return sources;
  }

 private:
  std::map<std::string, std::pair<std::vector<sampler::LinkCounter>, std::vector<sampler::Channel>>> links_;
  std::map<std::string, std::pair<std::vector<std::string>, std::vector<sampler::Channel>>> files_;
};

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
    const Napi::Object options = object_of(info.Env(), info[0], "options");
    const sampler::ReductionRules rules = rules_of(object_of(info.Env(), options.Get("rules"), "rules"));
    const Napi::Array channels = array_of(options, "channels", kChannelsMax);
    SourceBuilder builder;
    for (std::uint32_t i = 0; i < channels.Length(); i++) builder.add(object_of(info.Env(), channels.Get(i), "channel"), i);
    sampler_ = std::make_unique<sampler::Sampler>(builder.build(names_), rules);
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
    set_quantiles(result, "lateness", sampler_->lateness());
    Napi::Array sources = Napi::Array::New(env, names_.size());
    for (std::uint32_t i = 0; i < names_.size(); i++) {
      const sampler::SourceFigures& figures = sampler_->figures(i);
      Napi::Object source = Napi::Object::New(env);
      source.Set("source", names_[i]);
      source.Set("reads", static_cast<double>(figures.reads.load()));
      source.Set("failedReadings", static_cast<double>(figures.failed_readings.load()));
      set_quantiles(source, "read", figures.read);
      sources.Set(i, source);
    }
    result.Set("sources", sources);
    return result;
  }

  static void set_quantiles(Napi::Object& object, const std::string& name, const sampler::LatencyHistogram& histogram) {
    object.Set(name + "P50Ns", histogram.quantile(0.5));
    object.Set(name + "P99Ns", histogram.quantile(0.99));
    object.Set(name + "MaxNs", histogram.max());
  }

  std::unique_ptr<sampler::Sampler> sampler_;
  std::vector<std::string> names_;
  bool is_started_ = false;
};

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("Sampler", SamplerObject::define(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(sampler, init)
