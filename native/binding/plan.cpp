// A `SamplerPlan` from JavaScript. Nothing is trusted: limits of src/roce/ are repeated here.

#include "plan.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../sampler/ethtool-source.h"
#include "../sampler/rdma-source.h"
#include "arguments.h"

namespace binding {

namespace {

// Sooner than every 0.1 ms the wake-ups alone take a fifth of a core.
constexpr Limits kTickNs{1e5, 1e9};
constexpr Limits kPeriodNs{1e5, 60e9};
constexpr Limits kWindowNs{1e8, 60e9};
constexpr Limits kCaptureNs{0, 60e9};
constexpr Limits kRingBytes{0, 1024.0 * 1024 * 1024};
constexpr std::uint32_t kSourcesMax = 1024;
constexpr std::uint32_t kChannelsMax = 4096;
constexpr double kProcessorMax = 8191;
constexpr std::size_t kNameMax = 256;
constexpr std::size_t kLinkMax = 64;
constexpr std::size_t kPathMax = 4096;
constexpr double kPortMax = 255;
// In the order of `sampler::EthtoolGroup`.
constexpr std::array<std::string_view, sampler::kEthtoolGroups> kEthtoolGroups{"mac", "ctrl", "pause"};

sampler::ReductionRules reduction_of(const Napi::Object& given) {
  sampler::ReductionRules rules;
  rules.period_ns = number_of(given, "periodNs", kTickNs);
  rules.window_ns = number_of(given, "windowNs", kWindowNs);
  rules.align_ns = number_of(given, "alignNs", {-1e19, 1e19});
  rules.enter = number_of(given, "enter", {0.01, 1});
  rules.leave = number_of(given, "leave", {0, rules.enter});
  rules.merge_gap = static_cast<unsigned>(whole_of(given, "mergeGap", {0, 1000}));
  rules.min_intervals = static_cast<unsigned>(whole_of(given, "minIntervals", {1, 1000}));
  for (const Napi::Value& value : items_of(given, "thresholds", sampler::kThresholdsMax)) {
    if (!value.IsNumber()) throw Napi::TypeError::New(given.Env(), "thresholds: expected numbers");
    rules.thresholds[rules.threshold_count++] = value.As<Napi::Number>().DoubleValue();
  }
  return rules;
}

sampler::CounterRules counter_of(const Napi::Object& given) {
  sampler::CounterRules counter;
  counter.bits = static_cast<unsigned>(whole_of(given, "bits", {1, 64}));
  counter.saturates = flag_of(given, "saturates");
  counter.multiplier = number_of(given, "multiplier", {1, 1024});
  counter.line_rate = number_of(given, "lineRate", {0, 1e15});
  counter.learns_refresh = is_text(given, "refreshNs", "learn");
  if (!counter.learns_refresh) counter.refresh_ns = number_of(given, "refreshNs", {0, 60e9});
  return counter;
}

sampler::SourceRules source_of(const Napi::Object& given) {
  sampler::SourceRules rules;
  rules.name = text_of(given, "name", kNameMax);
  const std::string thread = text_of(given, "thread", kNameMax);
  if (thread != "fast" && thread != "slow") refuse(given.Env(), "thread", "fast or slow");
  rules.is_slow = thread == "slow";
  rules.period_ns = number_of(given, "periodNs", kPeriodNs);
  rules.max_duty = number_of(given, "maxDuty", {0.0001, 1});
  rules.idle_period_ns = number_of(given, "idlePeriodNs", kPeriodNs);
  rules.escalated_period_ns = number_of(given, "escalatedPeriodNs", kPeriodNs);
  return rules;
}

sampler::ScheduleRules schedule_of(const Napi::Object& given) {
  sampler::ScheduleRules rules;
  const std::string policy = text_of(given, "policy", kNameMax);
  if (policy == "auto" || policy == "fifo") rules.from = sampler::Policy::kFifo;
  else if (policy == "nice") rules.from = sampler::Policy::kNice;
  else if (policy == "plain") rules.from = sampler::Policy::kPlain;
  else refuse(given.Env(), "policy", "auto, fifo, nice or plain");
  rules.priority = static_cast<int>(whole_of(given, "priority", {1, 99}));
  if (!is_absent(given, "cpu")) rules.cpu = static_cast<int>(whole_of(given, "cpu", {0, kProcessorMax}));
  return rules;
}

// Collects the counters of one source by the way they are read: each way is one reader.
class SourceBuilder {
 public:
  explicit SourceBuilder(sampler::SourceRules rules) : rules_(std::move(rules)) {}

  void add(const Napi::Object& place, const sampler::Channel& channel) {
    const std::string kind = text_of(place, "kind", kNameMax);
    if (kind == "file") {
      paths_.push_back(text_of(place, "path", kPathMax));
      path_channels_.push_back(channel);
    } else if (kind == "link") {
      links_.push_back({text_of(place, "link", kLinkMax), static_cast<unsigned>(whole_of(place, "field", {0, sampler::kLinkFields - 1}))});
      link_channels_.push_back(channel);
    } else if (kind == "rdma") {
      rdma_.push_back({text_of(place, "device", kLinkMax), static_cast<std::uint32_t>(whole_of(place, "port", {1, kPortMax})), text_of(place, "counter", kNameMax)});
      rdma_channels_.push_back(channel);
    } else if (kind == "ethtool") {
      add_ethtool(place, channel);
    } else {
      refuse(place.Env(), "kind", "file, link, rdma or ethtool");
    }
  }

  sampler::SourcePlan build() {
    sampler::SourcePlan plan{std::move(rules_), {}};
    if (!links_.empty()) plan.parts.push_back({std::make_unique<sampler::LinkSource>(std::move(links_)), std::move(link_channels_)});
    if (!paths_.empty()) plan.parts.push_back({std::make_unique<sampler::FileSource>(std::move(paths_)), std::move(path_channels_)});
    if (!rdma_.empty()) plan.parts.push_back({std::make_unique<sampler::RdmaSource>(std::move(rdma_)), std::move(rdma_channels_)});
    if (!statistics_.empty()) plan.parts.push_back({std::make_unique<sampler::EthtoolSource>(std::move(statistics_)), std::move(statistic_channels_)});
    if (!strings_.empty()) plan.parts.push_back({std::make_unique<sampler::EthtoolStringSource>(std::move(strings_)), std::move(string_channels_)});
    return plan;
  }

 private:
  void add_ethtool(const Napi::Object& place, const sampler::Channel& channel) {
    std::string link = text_of(place, "link", kLinkMax);
    const std::string group = text_of(place, "group", kNameMax);
    if (group == "strings") {
      strings_.push_back({std::move(link), text_of(place, "name", kNameMax)});
      string_channels_.push_back(channel);
      return;
    }
    const auto known = std::find(kEthtoolGroups.begin(), kEthtoolGroups.end(), group);
    if (known == kEthtoolGroups.end()) refuse(place.Env(), "group", "mac, ctrl, pause or strings");
    const auto attribute = static_cast<unsigned>(whole_of(place, "attribute", {0, sampler::kEthtoolAttributes - 1}));
    statistics_.push_back({std::move(link), static_cast<sampler::EthtoolGroup>(known - kEthtoolGroups.begin()), attribute});
    statistic_channels_.push_back(channel);
  }

  sampler::SourceRules rules_;
  std::vector<std::string> paths_;
  std::vector<sampler::Channel> path_channels_;
  std::vector<sampler::LinkCounter> links_;
  std::vector<sampler::Channel> link_channels_;
  std::vector<sampler::RdmaCounter> rdma_;
  std::vector<sampler::Channel> rdma_channels_;
  std::vector<sampler::EthtoolStatistic> statistics_;
  std::vector<sampler::Channel> statistic_channels_;
  std::vector<sampler::EthtoolString> strings_;
  std::vector<sampler::Channel> string_channels_;
};

sampler::Channel channel_of(const Napi::Object& given, unsigned number) {
  sampler::Channel channel;
  channel.number = number;
  channel.rules = counter_of(object_of(given, "rules"));
  channel.port = static_cast<unsigned>(whole_of(given, "port", {0, kChannelsMax - 1}));
  channel.is_event = flag_of(given, "isEvent");
  channel.is_captured = flag_of(given, "isCaptured");
  return channel;
}

std::vector<sampler::SourcePlan> sources_of(const Napi::Object& given) {
  std::vector<SourceBuilder> builders;
  std::map<std::string, std::size_t> by_name;
  for (const Napi::Value& source : items_of(given, "sources", kSourcesMax)) {
    sampler::SourceRules rules = source_of(object_of(given.Env(), source, "source"));
    if (!by_name.emplace(rules.name, builders.size()).second) refuse(given.Env(), "name", "every source once");
    builders.emplace_back(std::move(rules));
  }
  unsigned number = 0;
  for (const Napi::Value& item : items_of(given, "channels", kChannelsMax)) {
    const Napi::Object channel = object_of(given.Env(), item, "channel");
    const auto source = by_name.find(text_of(channel, "source", kNameMax));
    if (source == by_name.end()) refuse(given.Env(), "source", "the name of one of the sources");
    builders[source->second].add(object_of(channel, "place"), channel_of(channel, number++));
  }
  std::vector<sampler::SourcePlan> result;
  for (auto& builder : builders) result.push_back(builder.build());
  return result;
}

}  // namespace

sampler::Plan plan_of(const Napi::Object& given) {
  sampler::Plan plan;
  plan.reduction = reduction_of(object_of(given, "reduction"));
  plan.schedule = schedule_of(object_of(given, "schedule"));
  if (!is_absent(given, "capture")) {
    const Napi::Object capture = object_of(given, "capture");
    plan.capture.pre_ns = number_of(capture, "preNs", kCaptureNs);
    plan.capture.post_ns = number_of(capture, "postNs", kCaptureNs);
    plan.capture.max_ns = number_of(capture, "maxNs", kCaptureNs);
    plan.has_capture = true;
  }
  plan.ring_bytes = number_of(given, "ringBytes", kRingBytes);
  plan.sources = sources_of(given);
  return plan;
}

}  // namespace binding
