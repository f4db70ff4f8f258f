// Reads numbers from files with kept descriptors. A removed device answers ENODEV for ever: the file is closed and opened again later.

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <numeric>
#include <utility>

#include "clock.h"
#include "source.h"

namespace sampler {

namespace {

// The longest 64-bit number has 20 digits. A text that fills the room is no counter.
constexpr std::size_t kTextMax = 32;

// How often the scheduler took the processor from this thread while it wanted to run. Waiting for a device is not among it.
long preemptions() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

}  // namespace

bool parse_number(const char* text, std::size_t bytes, std::uint64_t& value) {
  if (bytes > 0 && text[bytes - 1] == '\n') bytes--;
  if (bytes == 0 || bytes > 20) return false;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes; i++) {
    if (text[i] < '0' || text[i] > '9') return false;
    const std::uint64_t digit = static_cast<std::uint64_t>(text[i] - '0');
    if (sum > (UINT64_MAX - digit) / 10) return false;
    sum = sum * 10 + digit;
  }
  value = sum;
  return true;
}

FileSource::FileSource(std::vector<std::string> paths) : Source(paths.size(), paths.size()) {
  for (auto& path : paths) files_.push_back({std::move(path), -1, 0});
  std::iota(window_of_.begin(), window_of_.end(), 0U);
}

FileSource::~FileSource() {
  for (const auto& file : files_)
    if (file.descriptor >= 0) close(file.descriptor);
}

void FileSource::read() {
  const long preemptions_before = preemptions();
  const double begin_ns = monotonic_ns();
  for (std::size_t i = 0; i < files_.size(); i++) read_one(i);
  const double excess_ns = usual_.excess_of(monotonic_ns() - begin_ns);
  disturbed_ns_ = preemptions() == preemptions_before ? 0 : excess_ns;
}

void FileSource::read_one(std::size_t number) {
  File& file = files_[number];
  ReadWindow& window = windows_[number];
  is_known_[number] = 0;
  window.begin_ns = monotonic_ns();
  if (file.descriptor < 0) {
    if (window.begin_ns < file.retry_ns) return;
    file.retry_ns = window.begin_ns + kRetryNs;
    file.descriptor = open(file.path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file.descriptor < 0) return;
  }
  char text[kTextMax];
  const ssize_t bytes = pread(file.descriptor, text, sizeof text, 0);
  window.end_ns = monotonic_ns();
  is_known_[number] = bytes > 0 && parse_number(text, static_cast<std::size_t>(bytes), values_[number]) ? 1 : 0;
  if (bytes > 0) return;
  close(file.descriptor);
  file.descriptor = -1;
  file.retry_ns = window.end_ns + kRetryNs;
}

}  // namespace sampler
