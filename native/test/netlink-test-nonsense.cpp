// Answers of RDMA netlink as no kernel gives them: broken ones, late ones, and those to other questions.

#include "expect.h"
#include "netlink-test.h"
#include "rdma-rig.h"

namespace {

using test::Rig;
using test::World;

// What no kernel says: the socket is left, and opened again after a second.
void nonsense_is_survived() {
  using Datagrams = std::vector<std::string>;
  const std::pair<const char*, std::function<Datagrams(const nlmsghdr&)>> cases[] = {
      {"no answer", [](const nlmsghdr&) { return Datagrams(); }},
      {"half a header", [](const nlmsghdr&) { return Datagrams{std::string(7, '\1')}; }},
      {"a length beyond the end",
       [](const nlmsghdr& header) {
         std::string text = test::message(header.nlmsg_type, header.nlmsg_seq, "body");
         text[0] = 100;
         return Datagrams{text};
       }},
      {"a length within the header",
       [](const nlmsghdr& header) {
         std::string text = test::message(header.nlmsg_type, header.nlmsg_seq, "body");
         text[0] = 15;
         return Datagrams{text};
       }},
      {"more than there is room for", [](const nlmsghdr& header) { return Datagrams{test::message(header.nlmsg_type, header.nlmsg_seq, std::string(70'000, 'x'))}; }},
      {"an error below all errors", [](const nlmsghdr& header) { return Datagrams{test::message(NLMSG_ERROR, header.nlmsg_seq, test::bytes_of(INT32_MIN))}; }},
      {"an error above 0", [](const nlmsghdr& header) { return Datagrams{test::error_message(header.nlmsg_seq, -ENODEV)}; }},
      {"half an error", [](const nlmsghdr& header) { return Datagrams{test::message(NLMSG_ERROR, header.nlmsg_seq, "e")}; }},
  };
  for (const auto& [name, answer] : cases) {
    Rig rig;
    rig.source.read();
    rig.server.change([&] { rig.instead = answer; });
    rig.source.read();
    expect(rig.knows_nothing(), name);
    rig.source.read();
    expect(rig.server.opened == 1, name);
    rig.server.change([&] { rig.instead = nullptr; });
    rig.read_after_retry();
    expect(rig.value(0) == 3 && rig.server.opened == 2, name);
  }
}

void late_and_foreign_messages_are_passed_over() {
  Rig rig;
  rig.source.read();
  rig.server.change([&] {
    rig.instead = [&](const nlmsghdr& header) {
      World::Device old = rig.world.devices[0];
      old.ports[0].counters = {{"np_cnp_sent", 999}};
      return std::vector<std::string>{test::message(test::kStatGet, header.nlmsg_seq - 1, test::port_body(rig.world, old, 1)), test::error_message(header.nlmsg_seq - 1, EIO),
                                      test::message(NLMSG_NOOP, header.nlmsg_seq, ""),
                                      test::message(test::kStatGet, header.nlmsg_seq, test::port_body(rig.world, rig.world.devices[0], 1))};
    };
  });
  rig.source.read();
  expect(rig.value(0) == 3, "the answer to this question counts");
  expect(!rig.value(1) && !rig.value(2), "the answer for another port does not");
}

void broken_attributes_end_where_they_break() {
  Rig rig;
  rig.source.read();
  rig.server.change([&] {
    rig.instead = [&](const nlmsghdr& header) {
      // The second counter claims more than there is.
      std::string counters = test::counter_attribute("np_cnp_sent", 77) + test::counter_attribute("out_of_buffer", 78);
      counters[test::counter_attribute("np_cnp_sent", 77).size()] = '\x7f';
      const std::string body = test::device_attributes(rig.world, rig.world.devices[0]) + test::attribute(RDMA_NLDEV_ATTR_PORT_INDEX, test::bytes_of(std::uint32_t{1})) +
                               test::attribute(RDMA_NLDEV_ATTR_STAT_HWCOUNTERS, counters);
      return std::vector<std::string>{test::message(test::kStatGet, header.nlmsg_seq, body)};
    };
  });
  rig.source.read();
  expect(rig.value(0) == 77 && !rig.value(3), "what came before is read");
}

}  // namespace

void test_nonsense() {
  nonsense_is_survived();
  late_and_foreign_messages_are_passed_over();
  broken_attributes_end_where_they_break();
}
