// Who records what. See recorders.h.

#include "recorders.h"

namespace sampler {

namespace {

struct Part {
  bool is_captured = false;
  bool has_triggers = false;
};

std::vector<Part> parts_of(const std::vector<SourcePlan>& sources, std::size_t ports) {
  std::vector<Part> parts(ports);
  for (const auto& source : sources) {
    for (const auto& part : source.parts) {
      for (const auto& channel : part.channels) {
        if (channel.is_captured) parts[channel.port].is_captured = true;
        if (channel.is_event || channel.rules.line_rate > 0) parts[channel.port].has_triggers = true;
      }
    }
  }
  return parts;
}

}  // namespace

std::array<Recorders, 2> make_recorders(const std::array<std::vector<SourcePlan>, 2>& sources, std::size_t ports, const CaptureRules& rules) {
  const std::array<std::vector<Part>, 2> parts{parts_of(sources[0], ports), parts_of(sources[1], ports)};
  std::array<Recorders, 2> recorders{Recorders(ports), Recorders(ports)};
  for (std::size_t port = 0; port < ports; port++) {
    if (!parts[0][port].is_captured && !parts[1][port].is_captured) continue;
    const std::size_t first = parts[0][port].is_captured ? 0 : 1;
    const Part& other = parts[1 - first][port];
    recorders[first][port] = std::make_unique<Recorder>(static_cast<double>(port), rules, nullptr);
    if (other.is_captured || other.has_triggers)
      recorders[1 - first][port] = std::make_unique<Recorder>(static_cast<double>(port), rules, recorders[first][port].get());
  }
  return recorders;
}

}  // namespace sampler
