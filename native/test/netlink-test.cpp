// Tests of what asks the kernel by netlink and ethtool, against a kernel of the test's own and the real one. Built with sanitizers by
// test/conformance/roce-netlink.test.ts. Arguments: the seed of the damage, and how many messages are damaged.

#include "netlink-test.h"

#include <cstdio>
#include <cstdlib>

#include "expect.h"

int main(int count, char** arguments) {
  if (count != 3) return 2;
  test_rdma();
  test_nonsense();
  test_ethtool();
  test_link();
  test_damage(std::strtoul(arguments[1], nullptr, 10), std::strtoul(arguments[2], nullptr, 10));
  std::printf("%d failed\n", failures);
  return failures == 0 ? 0 : 1;
}
