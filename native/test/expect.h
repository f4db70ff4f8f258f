// Expectations of the test programs: each says what does not hold, and the program ends with 1 when something does not.

#pragma once

#include <cstdio>

namespace test {

inline int failures = 0;

inline void expect(bool holds, const char* what) {
  if (holds) return;
  std::printf("does not hold: %s\n", what);
  failures++;
}

// For the end of `main`.
inline int result() {
  std::printf("%d failed\n", failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace test
