// Threads that compute and never wait, at ordinary priority: a busy machine. `burners <count>`; ends when its input does.

#include <unistd.h>

#include <cstdlib>
#include <thread>
#include <vector>

#include "realtime.h"

int main(int count, char** arguments) {
  testbed::end_with_parent();
  if (count != 2) return 2;
  for (int i = 0; i < std::atoi(arguments[1]); i++)
    std::thread([] {
      for (volatile unsigned long spins = 0;;) spins = spins + 1;
    }).detach();
  char sink[64];
  while (read(STDIN_FILENO, sink, sizeof sink) > 0) {
  }
  _exit(0);
}
