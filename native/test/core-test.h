// What the parts of the test program give each other.

#pragma once

void test_sleeps();
void test_threads();
