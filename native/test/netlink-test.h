// The parts of the test program of netlink and ethtool.

#pragma once

void test_rdma();
void test_nonsense();
void test_ethtool();
void test_link();
// `rounds` damaged messages.
void test_damage(unsigned long seed, unsigned long rounds);
unsigned long allocations_of_this_thread();
