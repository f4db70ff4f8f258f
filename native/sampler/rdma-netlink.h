// What RDMA netlink is asked, and how its answers are read: devices with their ports, and the counters of one port. Kernel header rdma/rdma_netlink.h;
// nldev_get_dumpit and nldev_stat_get_doit in the kernel's drivers/infiniband/core/nldev.c.

#pragma once

#include <rdma/rdma_netlink.h>

#include <cstdint>
#include <string_view>

#include "netlink.h"

namespace sampler {

struct RdmaDevice {
  std::uint32_t index = 0;
  std::uint32_t ports = 0;
  std::string_view name;
};

// All devices: a dump.
Request rdma_device_request();
// False for a message that does not name one.
bool read_rdma_device(unsigned type, Bytes body, RdmaDevice& device);

// All counters of a port, which the driver fetches once.
Request rdma_counter_request(std::uint32_t device, std::uint32_t port);
// The attributes that hold counters, when the message is about that port of the device with that name.
bool find_rdma_counters(unsigned type, Bytes body, std::string_view device, std::uint32_t port, Bytes& counters);
// False for an attribute that is no counter.
bool read_rdma_counter(const Attribute& attribute, std::string_view& name, std::uint64_t& value);

}  // namespace sampler
