// Replay of ethtool: netlink over a socket pair, the ioctl by a function; and the interfaces of this machine.

#include <fcntl.h>
#include <net/if.h>

#include <optional>

#include "../sampler/ethtool-source.h"
#include "../sampler/kernel-counters.h"
#include "ethtool-world.h"
#include "expect.h"
#include "netlink-test.h"

namespace {

using sampler::EthtoolGroup;
using sampler::EthtoolSource;
using sampler::EthtoolStringSource;

std::optional<std::uint64_t> value(const sampler::Source& source, std::size_t reading) {
  const auto one = source.reading(reading);
  return one.is_known ? std::optional(one.value) : std::nullopt;
}

test::EthtoolWorld two_links() {
  test::EthtoolWorld world;
  world.links["eth0"] = {{{0, 1}, {6, 1ULL << 40}, {12, 3}, {31, 5}, {40, 6}}, {{0, 7}, {2, 8}}, {{2, 9}, {3, 10}}, false, 0, 0b00011000};
  world.links["eth1"] = {{{6, 11}}, {}, {{2, 12}, {4, 13}}, true, 0, -1};
  return world;
}

struct Rig {
  explicit Rig(std::vector<sampler::EthtoolStatistic> wanted)
      : server([this](const nlmsghdr& header, const std::string& body) { return test::answer_ethtool(world, header, body); }),
        source(std::move(wanted), server.opener(), test::now) {}
  void read_after_retry() {
    test::now_ns += 1.1e9;
    source.read();
  }
  test::EthtoolWorld world = two_links();
  test::Server server;
  EthtoolSource source;
};

const std::vector<sampler::EthtoolStatistic> kWanted = {
    {"eth0", EthtoolGroup::kMac, 6},   {"eth1", EthtoolGroup::kMac, 6},   {"eth0", EthtoolGroup::kCtrl, 2},
    {"eth0", EthtoolGroup::kPause, 3}, {"eth1", EthtoolGroup::kPause, 4}, {"eth0", EthtoolGroup::kCtrl, 1},
};

void standard_statistics_are_read() {
  Rig rig(kWanted);
  rig.source.read();
  expect(value(rig.source, 0) == 1ULL << 40 && value(rig.source, 2) == 8 && value(rig.source, 3) == 10, "each group has its own numbers");
  expect(value(rig.source, 1) == 11 && value(rig.source, 4) == 13, "numbers of four bytes are read");
  expect(!value(rig.source, 5), "a statistic that is not told is unknown");
  expect(rig.server.questions == 5, "the family, and one question for each kind of each interface");
  rig.source.read();
  expect(rig.server.questions == 9 && rig.server.opened == 1, "the family is asked for once");
  Rig pauses({{"eth0", EthtoolGroup::kPause, 2}});
  pauses.source.read();
  expect(value(pauses.source, 0) == 9 && pauses.server.questions == 2, "what nobody wants is not asked for");
}

void interfaces_come_and_go() {
  Rig rig(kWanted);
  rig.source.read();
  rig.server.change([&] { rig.world.links.erase("eth0"); });
  rig.source.read();
  expect(!value(rig.source, 0) && !value(rig.source, 3) && value(rig.source, 1) == 11, "an interface that is gone takes no other with it");
  const unsigned questions = rig.server.questions;
  rig.source.read();
  expect(rig.server.questions == questions + 2, "it is left alone for a second");
  rig.server.change([&] { rig.world.links["eth0"].mac[6] = 1; });
  rig.read_after_retry();
  expect(value(rig.source, 0) == 1, "and is read when it is back");
  rig.server.change([&] { rig.world.links["eth1"].error = EOPNOTSUPP; });
  rig.source.read();
  expect(!value(rig.source, 1), "a driver that cannot tell is unknown");
}

void one_question_that_is_refused_leaves_the_other() {
  Rig rig({{"eth0", EthtoolGroup::kMac, 6}, {"eth0", EthtoolGroup::kPause, 3}});
  rig.server.change([&] { rig.world.links["eth0"].pause_error = EOPNOTSUPP; });
  rig.source.read();
  rig.source.read();
  expect(value(rig.source, 0) == 1ULL << 40 && !value(rig.source, 1), "a driver that has no pauses tells its statistics at every reading");
  expect(rig.server.questions == 4, "and is asked for pauses once a second");
  rig.server.change([&] { rig.world.links["eth0"].pause_error = 0; });
  rig.read_after_retry();
  expect(value(rig.source, 0) == 1ULL << 40 && value(rig.source, 1) == 10, "which may come later");
}

void no_family_is_ordinary() {
  Rig rig(kWanted);
  rig.server.change([&] { rig.world.has_family = false; });
  rig.source.read();
  rig.source.read();
  expect(!value(rig.source, 0) && rig.server.questions == 1, "without the family nothing is asked");
  rig.server.change([&] { rig.world.has_family = true; });
  rig.read_after_retry();
  expect(value(rig.source, 0) == 1ULL << 40, "when it is there it is used");
}

void strings_are_read_by_name() {
  test::Driver driver;
  driver.links["eth0"] = {{"rx_packets", 1}, {"rx_prio3_pause", 2}, {std::string(32, 'n'), 3}};
  EthtoolStringSource source({{"eth0", "rx_prio3_pause"}, {"eth0", std::string(32, 'n')}, {"eth0", "absent"}, {"eth9", "rx_packets"}}, std::ref(driver), test::now);
  source.read();
  expect(value(source, 0) == 2 && value(source, 1) == 3, "names without an end fill their room");
  expect(!value(source, 2) && !value(source, 3), "an absent name and an absent interface are unknown");
  expect(driver.commands == 4, "three commands for an interface, one for an absent one");
  source.read();
  expect(driver.commands == 7, "which is left alone for a second");
  driver.links["eth0"] = {{"rx_prio4_pause", 9}, {"rx_packets", 8}, {"rx_prio3_pause", 7}};
  source.read();
  expect(value(source, 0) == 7, "as many with other names are told apart");
  driver.links["eth0"].clear();
  source.read();
  expect(!value(source, 0), "none are none");
  driver.links["eth0"].assign(sampler::kStringsMax + 1, {"rx", 1});
  test::now_ns += 1.1e9;
  source.read();
  expect(!value(source, 0), "too many are none");
}

void strings_that_change_in_between_are_unknown() {
  for (const bool is_careful : {false, true}) {
    for (const std::uint32_t when : {ETHTOOL_GSTRINGS, ETHTOOL_GSTATS}) {
      test::Driver driver;
      driver.links["eth0"] = {{"a", 1}, {"b", 2}};
      driver.is_careful = is_careful;
      EthtoolStringSource source({{"eth0", "b"}}, std::ref(driver), test::now);
      driver.before = [&](std::uint32_t command) {
        if (command == when) driver.links["eth0"] = {{"z", 9}, {"a", 1}, {"b", 2}};
      };
      source.read();
      expect(!value(source, 0), "one more than before: nothing is believed");
      driver.before = nullptr;
      test::now_ns += 1.1e9;
      source.read();
      expect(value(source, 0) == 2, "and the next reading is right");
    }
  }
}

// As a kernel would that has more to give than there is room for.
void memory_has_an_end() {
  const sampler::GuardedMemory memory(10'000);
  const int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  expect(read(zero, memory.at(), 10'000) == 10'000, "there is as much room as was asked for");
  expect(read(zero, memory.at() + 9'999, 2) < 2, "and no byte more");
  close(zero);
}

void kernel_is_asked_what_there_is() {
  Rig rig({});
  test::Driver driver;
  driver.links["eth0"] = {{"rx_packets", 1}, {"tx_packets", 2}};
  const auto found = sampler::ethtool_counters("eth0", rig.server.opener(), std::ref(driver));
  expect(found.mac == std::vector<unsigned>{0, 6, 12, 31} && found.ctrl == std::vector<unsigned>{0, 2} && found.pause == std::vector<unsigned>{2, 3}, "numbers by group");
  expect(found.strings == std::vector<std::string>{"rx_packets", "tx_packets"}, "names in the driver's order");
  const auto none = sampler::ethtool_counters("eth9", rig.server.opener(), std::ref(driver));
  expect(none.mac.empty() && none.pause.empty() && none.strings.empty(), "an absent interface has none");
  expect(sampler::lossless_priorities("eth0", rig.server.opener()) == std::vector<unsigned>{3, 4}, "priorities are told");
  expect(!sampler::lossless_priorities("eth1", rig.server.opener()) && !sampler::lossless_priorities("eth9", rig.server.opener()), "or not");
  expect(!sampler::lossless_priorities(std::string(300, 'x'), rig.server.opener()), "a name that does not fit is none");
  rig.server.is_absent = true;
  expect(sampler::ethtool_counters("eth1", rig.server.opener(), std::ref(driver)).mac.empty() && !sampler::lossless_priorities("eth0", rig.server.opener()), "no socket is nothing");
}

// Whatever this machine's loopback can tell: a question that the kernel did not understand would be an invalid argument.
void the_real_kernel_understands() {
  sampler::NetlinkClient client(NETLINK_GENERIC, sampler::open_netlink_socket);
  std::uint16_t family = 0;
  if (!client.open() || !sampler::find_ethtool_family(client, family)) return;
  std::vector<std::uint64_t> groups;
  sampler::Request stats = sampler::ethtool_stats_request(family, "lo");
  const sampler::Answer answer = client.ask(stats, false, [&](unsigned, sampler::Bytes body) {
    sampler::Bytes attributes;
    if (!sampler::is_ethtool_stats(body, attributes)) return;
    sampler::Attributes nests(attributes);
    std::uint64_t id = 0;
    for (sampler::Attribute nest; nests.next(nest);)
      if (sampler::is_stats_nest(nest) && sampler::find_number(nest.value, ETHTOOL_A_STATS_GRP_ID, id)) groups.push_back(id);
  });
  std::sort(groups.begin(), groups.end());
  // Kernels before 5.13 do not know the command.
  expect(answer == sampler::Answer::kDone ? groups == std::vector<std::uint64_t>{ETHTOOL_STATS_ETH_MAC, ETHTOOL_STATS_ETH_CTRL} : client.error() != EINVAL, "statistics are asked for by group");
  sampler::Request pause = sampler::ethtool_pause_request(family, "lo");
  expect(client.ask(pause, false, [](unsigned, sampler::Bytes) {}) == sampler::Answer::kRefused && client.error() == EOPNOTSUPP, "loopback does not pause");
  std::printf("the kernel answers for %zu groups\n", groups.size());
}

// Every interface of this machine, which needs no rights.
void the_real_kernel_answers() {
  std::vector<sampler::EthtoolString> strings;
  std::vector<sampler::EthtoolStatistic> statistics;
  struct if_nameindex* links = if_nameindex();
  for (auto* link = links; link != nullptr && link->if_index != 0; link++) {
    const auto found = sampler::ethtool_counters(link->if_name);
    sampler::lossless_priorities(link->if_name);
    for (const auto& name : found.strings) strings.push_back({link->if_name, name});
    for (const unsigned attribute : found.mac) statistics.push_back({link->if_name, EthtoolGroup::kMac, attribute});
    for (const unsigned attribute : found.pause) statistics.push_back({link->if_name, EthtoolGroup::kPause, attribute});
  }
  if_freenameindex(links);
  std::printf("%zu strings and %zu standard statistics on this machine\n", strings.size(), statistics.size());
  EthtoolStringSource by_ioctl(strings);
  EthtoolSource by_netlink(statistics);
  by_ioctl.read();
  by_netlink.read();
  for (std::size_t i = 0; i < by_ioctl.size(); i++) expect(by_ioctl.reading(i).is_known, "a listed string of this machine is read");
  for (std::size_t i = 0; i < by_netlink.size(); i++) expect(by_netlink.reading(i).is_known, "a listed statistic of this machine is read");
}

}  // namespace

void test_ethtool() {
  standard_statistics_are_read();
  interfaces_come_and_go();
  one_question_that_is_refused_leaves_the_other();
  no_family_is_ordinary();
  strings_are_read_by_name();
  strings_that_change_in_between_are_unknown();
  memory_has_an_end();
  kernel_is_asked_what_there_is();
  the_real_kernel_understands();
  the_real_kernel_answers();
}
