// Asks a driver for its own statistics. See ethtool-strings.h.

#include "ethtool-strings.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

namespace sampler {

namespace {

// The kernel writes the values behind this header, in host order and without alignment of its own.
constexpr std::size_t kNamesBytes = sizeof(ethtool_gstrings) + kStringsMax * ETH_GSTRING_LEN;
constexpr std::size_t kValuesBytes = sizeof(ethtool_stats) + kStringsMax * sizeof(std::uint64_t);

std::size_t page_size() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

std::size_t whole_pages(std::size_t size) { return (size + page_size() - 1) / page_size() * page_size(); }

// How many statistics the driver has; 0 where it has none, or there is no such interface.
std::uint32_t ask_count(const AskDriver& ask, const std::string& link) {
  std::uint32_t count = 0;
  ethtool_sset_info info{};
  info.cmd = ETHTOOL_GSSET_INFO;
  info.sset_mask = 1ULL << ETH_SS_STATS;
  // The number follows the header.
  alignas(ethtool_sset_info) char command[sizeof info + sizeof count] = {};
  std::memcpy(command, &info, sizeof info);
  if (ask(link.c_str(), command) != 0) return 0;
  std::memcpy(&info, command, sizeof info);
  std::memcpy(&count, command + sizeof info, sizeof count);
  return info.sset_mask == 0 ? 0 : count;
}

}  // namespace

int ask_driver(const char* link, void* command) {
  // One for all: the kernel does not care what kind of socket it is.
  static const int socket_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  if (strnlen(link, IFNAMSIZ) >= IFNAMSIZ) return ENODEV;
  std::strcpy(request.ifr_name, link);
  request.ifr_data = static_cast<char*>(command);
  return ioctl(socket_fd, SIOCETHTOOL, &request) == 0 ? 0 : errno;
}

GuardedMemory::GuardedMemory(std::size_t size) : mapped_size_(whole_pages(size) + page_size()) {
  void* mapped = mmap(nullptr, mapped_size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) throw std::bad_alloc();
  mapped_ = static_cast<char*>(mapped);
  if (mprotect(mapped_, whole_pages(size), PROT_READ | PROT_WRITE) != 0) {
    munmap(mapped_, mapped_size_);
    throw std::bad_alloc();
  }
  at_ = mapped_ + whole_pages(size) - size;
}

GuardedMemory::~GuardedMemory() { munmap(mapped_, mapped_size_); }

EthtoolStrings::EthtoolStrings(AskDriver ask) : ask_(std::move(ask)), names_(kNamesBytes), values_(kValuesBytes) {}

bool EthtoolStrings::read_names(const std::string& link) {
  count_ = 0;
  const std::uint32_t count = ask_count(ask_, link);
  if (count == 0 || count > kStringsMax) return false;
  ethtool_gstrings header{};
  header.cmd = ETHTOOL_GSTRINGS;
  header.string_set = ETH_SS_STATS;
  header.len = count;
  std::memcpy(names_.at(), &header, sizeof header);
  if (ask_(link.c_str(), names_.at()) != 0) return false;
  std::memcpy(&header, names_.at(), sizeof header);
  if (header.len != count) return false;
  count_ = count;
  return true;
}

bool EthtoolStrings::read_values(const std::string& link) {
  ethtool_stats header{};
  header.cmd = ETHTOOL_GSTATS;
  header.n_stats = static_cast<std::uint32_t>(count_);
  std::memcpy(values_.at(), &header, sizeof header);
  if (ask_(link.c_str(), values_.at()) != 0) return false;
  std::memcpy(&header, values_.at(), sizeof header);
  return header.n_stats == count_;
}

std::string_view EthtoolStrings::name(std::size_t position) const {
  const char* text = names_.at() + sizeof(ethtool_gstrings) + position * ETH_GSTRING_LEN;
  return {text, strnlen(text, ETH_GSTRING_LEN)};
}

std::uint64_t EthtoolStrings::value(std::size_t position) const {
  std::uint64_t value = 0;
  std::memcpy(&value, values_.at() + sizeof(ethtool_stats) + position * sizeof value, sizeof value);
  return value;
}

}  // namespace sampler
