// Damaged answers: bytes of right messages are changed, cut off and doubled, from a seed that is printed, and read from memory that ends where the message
// does, so that a byte read outside ends the program. Then the same through sockets: whatever comes, the next right answer is read.

#include <memory>
#include <random>

#include "../sampler/ethtool-source.h"
#include "../sampler/kernel-counters.h"
#include "../sampler/rdma-netlink.h"
#include "../sampler/rdma-source.h"
#include "ethtool-world.h"
#include "expect.h"
#include "netlink-test.h"
#include "rdma-world.h"

namespace {

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t end) { return end == 0 ? 0 : random() % end; }

std::string damaged(std::string text, Random& random) {
  for (std::size_t changes = 1 + below(random, 4); changes > 0 && !text.empty(); changes--) {
    const std::size_t at = below(random, text.size());
    switch (below(random, 5)) {
      case 0: text[at] = static_cast<char>(random()); break;
      // Lengths are small numbers at even places.
      case 1: text[at / 2 * 2] = static_cast<char>(below(random, 64)); break;
      case 2: text[at] = random() % 2 == 0 ? '\0' : '\xff'; break;
      case 3: text.resize(at); break;
      default: text.insert(at, text, at, below(random, 24)); break;
    }
  }
  return text;
}

test::World rdma_world() {
  test::World world;
  world.devices = {{"mlx5_0", 1, {{{{"rx_write_requests", 1}, {"np_cnp_sent", 2}, {"out_of_buffer", 3}}, 0}}}, {"bnxt_re0", 2, {{{{"rx_bytes", 4}}, 0}}}};
  world.is_noisy = true;
  return world;
}

test::Link ethtool_link() { return {{{0, 1}, {6, 2}, {12, 3}}, {{0, 4}}, {{2, 5}, {3, 6}}, false, 0, 8}; }

// Used, so that what is summed is read.
volatile std::uint64_t read_sum = 0;

// Everything that is ever read from a message.
void read_all(sampler::Bytes bytes) {
  nlmsghdr header;
  sampler::Bytes body;
  sampler::Bytes counters;
  std::uint64_t sum = 0;
  while (bytes.size > 0 && sampler::take_message(bytes, header, body)) {
    sampler::RdmaDevice device;
    if (sampler::read_rdma_device(header.nlmsg_type, body, device)) sum += device.name.size();
    if (sampler::find_rdma_counters(header.nlmsg_type, body, "mlx5_0", 1, counters)) {
      sampler::Attributes attributes(counters);
      std::string_view name;
      std::uint64_t value = 0;
      for (sampler::Attribute attribute; attributes.next(attribute);)
        if (sampler::read_rdma_counter(attribute, name, value)) sum += value + std::string(name).size();
    }
    sampler::read_ethtool_statistics(body, [&](sampler::EthtoolGroup, unsigned attribute, std::uint64_t value) { sum += attribute + value; });
    if (const auto priorities = sampler::read_lossless_priorities(body)) sum += priorities->size();
  }
  read_sum = sum;
}

void damaged_messages_are_read_within_their_bounds(Random& random, unsigned long rounds) {
  const test::World world = rdma_world();
  const test::Link link = ethtool_link();
  std::string devices;
  for (const auto& part : test::answer_devices(world, 1)) devices += part;
  const std::string right[] = {devices, test::message(test::kStatGet, 1, test::port_body(world, world.devices[0], 1)), test::message(test::kFamily, 1, test::stats_body(link, "eth0")),
                               test::message(test::kFamily, 1, test::pause_body(link, "eth0")), test::message(RTM_GETDCB, 1, test::dcb_body(link, "eth0")), test::error_message(1, EIO)};
  for (unsigned long round = 0; round < rounds; round++) {
    const std::string text = damaged(right[below(random, std::size(right))], random);
    // Of that size, so that the sanitizer sees its end.
    const std::unique_ptr<char[]> memory(new char[text.size()]);
    std::copy(text.begin(), text.end(), memory.get());
    read_all({memory.get(), text.size()});
  }
}

// Answers that are damaged while `is_damaging`, and right otherwise.
std::vector<std::string> perhaps_damaged(std::vector<std::string> parts, bool is_damaging, Random& random) {
  if (!is_damaging) return parts;
  for (auto& part : parts) part = damaged(part, random);
  // A datagram of nothing would be the end of the line.
  for (auto& part : parts)
    if (part.empty()) part = "x";
  // Whoever waits for more must see that none comes.
  parts.emplace_back("x");
  return parts;
}

void rdma_survives(Random& random, unsigned long rounds) {
  const test::World world = rdma_world();
  bool is_damaging = false;
  test::Server server([&](const nlmsghdr& header, const std::string& body) { return perhaps_damaged(test::answer_rdma(world, header, body), is_damaging, random); });
  sampler::RdmaSource source({{"mlx5_0", 1, "np_cnp_sent"}, {"bnxt_re0", 1, "rx_bytes"}}, server.opener(), test::now);
  for (unsigned long round = 0; round < rounds; round++) {
    server.change([&] { is_damaging = true; });
    source.read();
    test::now_ns += 1.1e9;
    source.read();
    server.change([&] { is_damaging = false; });
    for (int i = 0; i < 3; i++) {
      test::now_ns += 1.1e9;
      source.read();
    }
    const auto first = source.reading(0), second = source.reading(1);
    expect(first.is_known && first.value == 2 && second.is_known && second.value == 4, "after damage RDMA ports are read again");
  }
}

void ethtool_survives(Random& random, unsigned long rounds) {
  test::EthtoolWorld world;
  world.links["eth0"] = ethtool_link();
  bool is_damaging = false;
  test::Server server([&](const nlmsghdr& header, const std::string& body) { return perhaps_damaged(test::answer_ethtool(world, header, body), is_damaging, random); });
  sampler::EthtoolSource source({{"eth0", sampler::EthtoolGroup::kMac, 6}, {"eth0", sampler::EthtoolGroup::kPause, 3}}, server.opener(), test::now);
  for (unsigned long round = 0; round < rounds; round++) {
    server.change([&] { is_damaging = true; });
    source.read();
    sampler::ethtool_counters("eth0", server.opener(), [](const char*, void*) { return ENODEV; });
    sampler::lossless_priorities("eth0", server.opener());
    server.change([&] { is_damaging = false; });
    for (int i = 0; i < 3; i++) {
      test::now_ns += 1.1e9;
      source.read();
    }
    const auto first = source.reading(0), second = source.reading(1);
    expect(first.is_known && first.value == 2 && second.is_known && second.value == 6, "after damage interfaces are read again");
  }
}

}  // namespace

void test_damage(unsigned long seed, unsigned long rounds) {
  std::printf("seed %lu, %lu rounds\n", seed, rounds);
  Random random(seed);
  damaged_messages_are_read_within_their_bounds(random, rounds);
  rdma_survives(random, rounds / 1000);
  ethtool_survives(random, rounds / 1000);
}
