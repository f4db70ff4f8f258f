// Reads counters of RDMA ports by netlink. Names are compared position by position with those of the answer before, which costs less than the message's
// way; they are looked up again only where counters were switched on or off.

#include "rdma-source.h"

#include <algorithm>
#include <utility>

#include "rdma-netlink.h"

namespace sampler {

namespace {

// Counters of a port; what comes after them is not looked at.
constexpr std::size_t kSlotsMax = 512;

}  // namespace

RdmaSource::RdmaSource(std::vector<RdmaCounter> counters, OpenSocket open, Now now)
    : Source(counters.size(), 0), now_(now), client_(NETLINK_RDMA, std::move(open)) {
  for (std::size_t i = 0; i < counters.size(); i++) {
    auto& [device, number, counter] = counters[i];
    auto port = std::find_if(ports_.begin(), ports_.end(), [&](const Port& one) { return one.device == device && one.number == number; });
    if (port == ports_.end()) {
      ports_.emplace_back();
      port = ports_.end() - 1;
      port->device = device;
      port->number = number;
      port->slots.resize(kSlotsMax);
    }
    port->readings.push_back(i);
    window_of_[i] = static_cast<std::uint32_t>(port - ports_.begin());
    port->names.push_back(std::move(counter));
  }
  windows_.resize(ports_.size());
}

void RdmaSource::read() {
  const double now_ns = now_();
  know_nothing();
  const bool is_complete = client_.is_open() && std::all_of(ports_.begin(), ports_.end(), [](const Port& port) { return port.is_found; });
  if (!is_complete) find_devices(now_ns);
  for (std::size_t i = 0; i < ports_.size(); i++)
    if (ports_[i].is_found && client_.is_open()) read_port(ports_[i], windows_[i]);
}

// No socket and no device are ordinary: both may come later.
void RdmaSource::find_devices(double now_ns) {
  if (now_ns < retry_ns_) return;
  retry_ns_ = now_ns + kRetryNs;
  if (!client_.open()) return;
  for (auto& port : ports_) port.is_found = false;
  Request request = rdma_device_request();
  client_.ask(request, true, [&](unsigned type, Bytes body) {
    RdmaDevice device;
    if (!read_rdma_device(type, body, device)) return;
    for (auto& port : ports_) {
      if (port.device != device.name) continue;
      port.index = device.index;
      port.is_found = true;
    }
  });
}

void RdmaSource::read_port(Port& port, ReadWindow& window) {
  Request request = rdma_counter_request(port.index, port.number);
  window.begin_ns = now_();
  bool is_known = false;
  const Answer answer = client_.ask(request, false, [&](unsigned type, Bytes body) {
    Bytes counters;
    is_known = find_rdma_counters(type, body, port.device, port.number, counters);
    if (is_known) take_counters(port, counters);
  });
  window.end_ns = now_();
  if (answer == Answer::kDone && is_known) return;
  // Gone, or made again under another number: it is looked for later.
  port.is_found = false;
  retry_ns_ = std::max(retry_ns_, window.end_ns + kRetryNs);
}

void RdmaSource::take_counters(Port& port, Bytes counters) {
  Attributes attributes(counters);
  std::size_t position = 0;
  for (Attribute attribute; position < kSlotsMax && attributes.next(attribute);) {
    std::string_view name;
    std::uint64_t value = 0;
    if (!read_rdma_counter(attribute, name, value)) continue;
    Slot& slot = port.slots[position++];
    if (name != std::string_view(slot.name.data(), slot.size)) name_slot(port, slot, name);
    if (slot.reading >= 0) know(static_cast<std::size_t>(slot.reading), value);
  }
}

void RdmaSource::name_slot(const Port& port, Slot& slot, std::string_view name) {
  const auto found = std::find(port.names.begin(), port.names.end(), name);
  slot.reading = found == port.names.end() ? -1 : static_cast<int>(port.readings[static_cast<std::size_t>(found - port.names.begin())]);
  // A longer name is looked up every time.
  slot.size = name.size() <= kNameMax ? name.size() : 0;
  std::memcpy(slot.name.data(), name.data(), slot.size);
}

}  // namespace sampler
