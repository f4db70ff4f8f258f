// Statistics of interfaces by a dump of rtnetlink, from a kernel of the test's own that knows the loopback interface.

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <vector>

#include "../sampler/source.h"
#include "expect.h"
#include "netlink-server.h"
#include "netlink-test.h"

namespace {

std::string stats_message(std::uint32_t sequence, std::uint64_t value, unsigned fields = sampler::kLinkFields) {
  if_stats_msg stats{};
  stats.ifindex = if_nametoindex("lo");
  std::string numbers;
  for (unsigned field = 0; field < fields; field++) numbers += test::bytes_of(value + field);
  return test::message(RTM_NEWSTATS, sequence, test::bytes_of(stats) + test::attribute(IFLA_STATS_LINK_64, numbers));
}

// The first part of an answer: the interface, and so much more that it has that length.
std::string part_of(std::size_t bytes, std::uint32_t sequence) {
  const std::string first = stats_message(sequence, 100);
  return first + test::message(NLMSG_NOOP, sequence, std::string(bytes - first.size() - sizeof(nlmsghdr), 'x'));
}

std::size_t room() { return sampler::link_buffer_bytes(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))); }

void parts_that_fill_the_room_are_read() {
  test::Server server([](const nlmsghdr& header, const std::string&) { return std::vector<std::string>{part_of(room(), header.nlmsg_seq), test::done_message(header.nlmsg_seq)}; });
  sampler::LinkSource source({{"lo", 2}, {"no-such-link", 2}}, server.opener());
  for (unsigned i = 0; i < 3; i++) source.read();
  expect(source.reading(0).is_known && source.reading(0).value == 102 && !source.reading(1).is_known, "the interface is read");
  expect(server.questions >= 3 && server.opened == 1, "by one socket");
}

// Kernels learn new fields, and an interface goes without a word. Whatever follows each other, each counter has its own field.
void each_counter_is_its_field() {
  unsigned fields = 0;
  test::Server server([&fields](const nlmsghdr& header, const std::string&) {
    return std::vector<std::string>{(fields == 0 ? "" : stats_message(header.nlmsg_seq, 100 * fields, fields)) + test::done_message(header.nlmsg_seq)};
  });
  const std::vector<unsigned> asked{3, 4, 5, 1, 0, 20, 21, 22, 23, 7, 7, 8};
  std::vector<sampler::LinkCounter> counters;
  for (const unsigned field : asked) counters.push_back({"lo", field});
  counters.insert(counters.begin() + 2, {"no-such-link", 5});
  sampler::LinkSource source(counters, server.opener());
  for (const unsigned told : {24U, 22U, 21U, 5U, 1U, 0U, 24U, 30U, 0U}) {
    fields = told;
    source.read();
    bool holds = true;
    for (std::size_t i = 0; i < counters.size(); i++) {
      const auto [is_known, value, window] = source.reading(i);
      const bool is_told = counters[i].link == "lo" && counters[i].field < told;
      holds = holds && is_known == is_told && (!is_told || value == 100 * told + counters[i].field);
    }
    expect(holds, "what was told is known, and nothing else");
  }
}

// What does not fit is gone, and the kernel takes no other question before the rest was fetched.
void parts_that_were_cut_end_the_socket() {
  test::Server server([](const nlmsghdr& header, const std::string&) { return std::vector<std::string>{part_of(room() + 4, header.nlmsg_seq)}; });
  sampler::LinkSource source({{"lo", 2}}, server.opener());
  source.read();
  expect(!source.reading(0).is_known, "a part that was cut is not believed");
  source.read();
  expect(server.questions == 1 && server.opened == 1, "and its socket is left, for a while");
}

// The kernel's NLMSG_GOODSIZE is a page, or 8 KiB where pages are larger, less its words behind the data, which have 320 bytes.
void parts_of_all_kernels_have_room() {
  constexpr std::size_t words = 320;
  expect(sampler::link_buffer_bytes(4096) + words <= 8192, "with pages of 4 KiB a part and the kernel's words fit into 8 KiB");
  for (const std::size_t page : {16'384, 65'536}) expect(sampler::link_buffer_bytes(page) >= 8192 - words, "with larger pages the kernel's own part fits");
}

}  // namespace

void test_link() {
  parts_that_fill_the_room_are_read();
  each_counter_is_its_field();
  parts_that_were_cut_end_the_socket();
  parts_of_all_kernels_have_room();
}
