// Replay of RDMA netlink: a server at the other end of a socket pair answers as the kernel does.

#include <filesystem>

#include "../sampler/kernel-counters.h"
#include "expect.h"
#include "netlink-test.h"
#include "rdma-rig.h"

namespace {

using sampler::RdmaCounter;
using sampler::RdmaSource;
using test::kWanted;
using test::Rig;
using test::two_devices;
using test::World;

void ports_are_read_with_one_question_each() {
  Rig rig;
  rig.source.read();
  expect(rig.value(0) == 3 && rig.value(1) == 1ULL << 63 && rig.value(2) == 4 && rig.value(3) == 2, "every counter has its own value");
  expect(!rig.value(4), "a counter that the driver does not have is unknown");
  expect(rig.server.questions == 4, "one question for the devices, one for each port");
  rig.source.read();
  expect(rig.server.questions == 7 && rig.server.opened == 1, "then one for each port");
  const auto reading = rig.source.reading(0);
  expect(reading.window.end_ns > reading.window.begin_ns && rig.source.reading(1).window.begin_ns > reading.window.begin_ns, "each port has its own read window");
}

void reading_allocates_nothing() {
  Rig rig;
  const unsigned long before = allocations_of_this_thread();
  // The first answer names the slots; the socket itself is the test's.
  for (int i = 0; i < 20; i++) rig.source.read();
  const unsigned long opening = allocations_of_this_thread() - before;
  for (int i = 0; i < 20; i++) rig.source.read();
  expect(opening > 0 && allocations_of_this_thread() - before == opening, "reading allocates nothing");
}

void answers_come_in_parts_with_what_nobody_knows() {
  World world = two_devices();
  world.is_noisy = world.is_split = true;
  Rig rig(world);
  rig.source.read();
  expect(rig.value(0) == 3 && rig.value(1) == 1ULL << 63 && rig.value(2) == 4 && rig.value(3) == 2, "unknown attributes and parts change nothing");
}

void counters_appear_and_vanish() {
  Rig rig;
  rig.source.read();
  auto& counters = rig.world.devices[0].ports[0].counters;
  rig.server.change([&] { counters = {{"np_cnp_sent", 30}, {"out_of_buffer", 20}, {"rx_write_requests", 10}}; });
  rig.source.read();
  expect(rig.value(0) == 30 && rig.value(3) == 20, "another order, the same values");
  rig.server.change([&] { counters = {{"no_such", 7}, {"np_cnp_sent", 31}}; });
  rig.source.read();
  expect(rig.value(0) == 31 && !rig.value(3) && rig.value(4) == 7, "what vanished is unknown, what appeared is read");
  rig.server.change([&] { counters = {{"np_cnp_sent", 32}, {"no_such", 8}}; });
  rig.source.read();
  expect(rig.value(0) == 32 && rig.value(4) == 8, "as many, in another order");
  const std::string long_name(200, 'n');
  rig.server.change([&] { counters = {{long_name, 9}, {"np_cnp_sent", 33}}; });
  rig.source.read();
  rig.source.read();
  expect(rig.value(0) == 33, "a long name is passed over");
  rig.server.change([&] {
    counters.clear();
    for (int i = 0; i < 600; i++) counters.emplace_back("c" + std::to_string(i), 1);
    counters[1] = {"np_cnp_sent", 34};
  });
  rig.source.read();
  expect(rig.value(0) == 34, "more counters than are believed do no harm");
}

void a_port_that_refuses_takes_no_other_with_it() {
  Rig rig;
  rig.source.read();
  rig.server.change([&] { rig.world.devices[0].ports[0].error = ENODEV; });
  rig.source.read();
  expect(!rig.value(0) && rig.value(1) && rig.value(2), "the others are read");
  const unsigned questions = rig.server.questions;
  rig.source.read();
  expect(rig.server.questions == questions + 2, "it is left alone for a second");
  rig.server.change([&] { rig.world.devices[0].ports[0].error = 0; });
  rig.read_after_retry();
  expect(rig.value(0) == 3, "and is read again when it answers");
}

void a_device_goes_and_comes_back() {
  Rig rig;
  rig.source.read();
  const World::Device device = rig.world.devices[0];
  rig.server.change([&] { rig.world.devices.erase(rig.world.devices.begin()); });
  rig.source.read();
  expect(!rig.value(0) && !rig.value(2) && rig.value(1), "a device that is gone is unknown");
  rig.read_after_retry();
  expect(!rig.value(0) && rig.value(1), "and stays so");
  rig.server.change([&] {
    rig.world.devices.push_back(device);
    rig.world.devices.back().index = 9;
    rig.world.devices.back().ports[0].counters[2].second = 1;
  });
  rig.read_after_retry();
  expect(rig.value(0) == 1 && rig.value(2) == 4, "made again under another number it is read");
  rig.server.change([&] { rig.world.devices.back().name = "roce0"; });
  rig.source.read();
  expect(!rig.value(0) && rig.value(1), "renamed it is another one");
}

void no_netlink_is_ordinary() {
  Rig rig;
  rig.server.is_absent = true;
  rig.source.read();
  rig.source.read();
  expect(rig.knows_nothing() && rig.server.questions == 0, "without a socket nothing is known");
  rig.server.is_absent = false;
  rig.source.read();
  expect(rig.knows_nothing(), "and it is tried once a second");
  rig.read_after_retry();
  expect(rig.value(0) == 3, "then all is read");
  Rig none({}, kWanted);
  none.source.read();
  expect(none.knows_nothing() && none.server.questions == 1, "without a device nothing is known");
}

void counters_are_listed() {
  World world = two_devices();
  world.is_noisy = world.is_split = true;
  world.devices.push_back({"hns_0", 7, {{{}, EINVAL}}});
  Rig rig(world);
  const auto listed = [&](const char* device, std::uint32_t port) { return sampler::rdma_counters(device, port, rig.server.opener()); };
  expect(listed("mlx5_0", 1) == std::vector<std::string>{"rx_write_requests", "out_of_buffer", "np_cnp_sent"}, "counters of a port are listed by name");
  expect(rig.server.questions == 2, "one question for the devices, one for the port");
  expect(listed("mlx5_1", 1).size() == 2, "of the device that is named");
  expect(listed("hns_0", 1).empty(), "a port without any has an empty list");
  const unsigned questions = rig.server.questions;
  expect(listed("mlx5_1", 2).empty() && listed("mlx5_9", 1).empty(), "so has what is not there");
  expect(rig.server.questions == questions + 2, "and no other port is asked");
  rig.server.is_absent = true;
  expect(listed("mlx5_0", 1).empty(), "no socket is an empty list");
}

// There may be devices on this machine or none, and the kernel may refuse the protocol.
void the_real_kernel_answers_or_does_not() {
  std::vector<RdmaCounter> wanted;
  std::error_code none;
  for (const auto& device : std::filesystem::directory_iterator("/sys/class/infiniband", none))
    for (auto& counter : sampler::rdma_counters(device.path().filename(), 1)) wanted.push_back({device.path().filename(), 1, std::move(counter)});
  RdmaSource source(wanted);
  source.read();
  for (std::size_t i = 0; i < source.size(); i++) expect(source.reading(i).is_known, "a listed counter of this machine is read");
  std::printf("%zu counters of RDMA devices on this machine\n", wanted.size());
  RdmaSource absent({{"no-such-device", 1, "rx"}});
  absent.read();
  expect(!absent.reading(0).is_known, "an absent device is unknown");
}

}  // namespace

void test_rdma() {
  ports_are_read_with_one_question_each();
  reading_allocates_nothing();
  answers_come_in_parts_with_what_nobody_knows();
  counters_appear_and_vanish();
  a_port_that_refuses_takes_no_other_with_it();
  a_device_goes_and_comes_back();
  no_netlink_is_ordinary();
  counters_are_listed();
  the_real_kernel_answers_or_does_not();
}
