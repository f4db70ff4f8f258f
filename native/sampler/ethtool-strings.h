// The driver's own statistics of an interface, by the ioctl that `ethtool -S` uses: how many there are, their names, their values. Kernel header
// linux/ethtool.h, ETHTOOL_GSSET_INFO, ETHTOOL_GSTRINGS, ETHTOOL_GSTATS.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace sampler {

// Gives a command of linux/ethtool.h to the driver of an interface; 0, or why not as errno has it. Tests answer it themselves.
using AskDriver = std::function<int(const char* link, void* command)>;
int ask_driver(const char* link, void* command);

// Memory whose end is the end of a page, with a page behind it that nobody may touch. Kernels before 2026 write as many statistics as there are now,
// however many there were when the room for them was measured (CVE-2025-68795): past this they cannot write.
class GuardedMemory {
 public:
  // Throws std::bad_alloc.
  explicit GuardedMemory(std::size_t size);
  ~GuardedMemory();
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;
  char* at() const { return at_; }

 private:
  char* mapped_;
  std::size_t mapped_size_;
  char* at_;
};

// More statistics than any driver has; an interface with more has none.
constexpr std::size_t kStringsMax = 16'384;

class EthtoolStrings {
 public:
  explicit EthtoolStrings(AskDriver ask);
  // Names of an interface's statistics; false where there are none.
  bool read_names(const std::string& link);
  // Their values, right after the names: false when they changed in between.
  bool read_values(const std::string& link);
  std::size_t count() const { return count_; }
  std::string_view name(std::size_t position) const;
  std::uint64_t value(std::size_t position) const;

 private:
  const AskDriver ask_;
  GuardedMemory names_;
  GuardedMemory values_;
  std::size_t count_ = 0;
};

}  // namespace sampler
