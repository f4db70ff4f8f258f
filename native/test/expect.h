// Expectations of the test programs: what does not hold is printed and counted.

#pragma once

#include <cstdio>

inline int failures = 0;

inline void expect(bool holds, const char* what) {
  if (holds) return;
  std::printf("does not hold: %s\n", what);
  failures++;
}
