// Counters of RDMA ports by netlink: one question a port, which the driver answers with all of its counters and one round of firmware commands; a file of
// sysfs may cost as much each.

#pragma once

#include <array>
#include <string>
#include <vector>

#include "clock.h"
#include "netlink.h"
#include "source.h"

namespace sampler {

struct RdmaCounter {
  std::string device;
  std::uint32_t port = 0;
  std::string counter;
};

class RdmaSource : public Source {
 public:
  explicit RdmaSource(std::vector<RdmaCounter> counters, OpenSocket open = open_netlink_socket, Now now = monotonic_ns);
  void read() override;

 private:
  static constexpr std::size_t kNameMax = 64;
  // The driver's counter at one position of the answer: its name, and the reading that it fills.
  struct Slot {
    std::array<char, kNameMax> name{};
    std::size_t size = 0;
    int reading = -1;
  };
  struct Port {
    std::string device;
    std::uint32_t number = 0;
    // By netlink; it is another one when the device was made again.
    std::uint32_t index = 0;
    bool is_found = false;
    // Of the readings, and their names.
    std::vector<std::size_t> readings;
    std::vector<std::string> names;
    std::vector<Slot> slots;
  };
  void find_devices(double now_ns);
  void read_port(Port& port, ReadWindow& window);
  void take_counters(Port& port, Bytes counters);
  static void name_slot(const Port& port, Slot& slot, std::string_view name);

  const Now now_;
  NetlinkClient client_;
  std::vector<Port> ports_;
  double retry_ns_ = 0;
};

}  // namespace sampler
