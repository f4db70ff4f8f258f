// A source of RDMA counters with a world that it reads.

#pragma once

#include <optional>
#include <utility>

#include "../sampler/rdma-source.h"
#include "rdma-world.h"

namespace test {

inline World two_devices() {
  World world;
  world.devices = {{"mlx5_0", 3, {{{{"rx_write_requests", 1}, {"out_of_buffer", 2}, {"np_cnp_sent", 3}}, 0}, {{{"np_cnp_sent", 4}}, 0}}},
                   {"mlx5_1", 0, {{{{"rx_write_requests", 5}, {"np_cnp_sent", 1ULL << 63}}, 0}}}};
  return world;
}

inline const std::vector<sampler::RdmaCounter> kWanted = {
    {"mlx5_0", 1, "np_cnp_sent"}, {"mlx5_1", 1, "np_cnp_sent"}, {"mlx5_0", 2, "np_cnp_sent"}, {"mlx5_0", 1, "out_of_buffer"}, {"mlx5_0", 1, "no_such"},
};

// A world, its server, and a source that reads it.
struct Rig {
  explicit Rig(World given = two_devices(), std::vector<sampler::RdmaCounter> wanted = kWanted)
      : world(std::move(given)),
        server([this](const nlmsghdr& header, const std::string& body) { return instead ? instead(header) : answer_rdma(world, header, body); }),
        source(std::move(wanted), server.opener(), now) {}
  std::optional<std::uint64_t> value(std::size_t reading) const {
    const auto one = source.reading(reading);
    return one.is_known ? std::optional(one.value) : std::nullopt;
  }
  bool knows_nothing() const {
    for (std::size_t i = 0; i < source.size(); i++)
      if (source.reading(i).is_known) return false;
    return true;
  }
  void read_after_retry() {
    now_ns += 1.1e9;
    source.read();
  }

  World world;
  // Of `world`, where it is set.
  std::function<std::vector<std::string>(const nlmsghdr&)> instead;
  Server server;
  sampler::RdmaSource source;
};

}  // namespace test
