// A source reads several counters at once. It is opened lazily and opens itself again after a loss, at most once in `kRetryNs`, because
// devices come and go; until then its counters have no reading.

#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "netlink.h"

namespace sampler {

constexpr double kRetryNs = 1e9;
// The monotonic clock, or that of a test.
using Now = double (*)();

// When reading began and ended.
struct ReadWindow {
  double begin_ns = 0;
  double end_ns = 0;
};

struct Reading {
  bool is_known = false;
  std::uint64_t value = 0;
  ReadWindow window;
};

// How long something takes. What takes longer from now on becomes usual, what happens once does not.
class Usual {
 public:
  // By how much this time was longer than twice the usual one; learns.
  double excess_of(double taken_ns);

 private:
  double ns_ = 0;
};

class Source {
 public:
  virtual ~Source() = default;
  // Fills values and windows; allocates nothing.
  virtual void read() = 0;
  std::size_t size() const { return values_.size(); }
  Reading reading(std::size_t counter) const { return {is_known_[counter] != 0, values_[counter], windows_[window_of_[counter]]}; }
  template <typename Visit>
  void visit_memory(Visit visit) const {
    visit(values_.data(), values_.size() * sizeof values_[0]);
    visit(is_known_.data(), is_known_.size());
    visit(window_of_.data(), window_of_.size() * sizeof window_of_[0]);
    visit(windows_.data(), windows_.size() * sizeof windows_[0]);
  }

  // The parts of readings, each on its own: most counters say what they said before, and are only looked at.
  const std::vector<std::uint64_t>& values() const { return values_; }
  const std::vector<char>& is_known() const { return is_known_; }
  // Counters that are read at once share a window, always the same one.
  const std::vector<std::uint32_t>& window_of() const { return window_of_; }
  const std::vector<ReadWindow>& windows() const { return windows_; }
  // How much of the time that the last reading took was somebody else's: an interruption says nothing of what the source costs.
  double disturbed_ns() const { return disturbed_ns_; }

 protected:
  // Derived classes say in `window_of_` which window is whose; otherwise all counters have the first one.
  Source(std::size_t counters, std::size_t windows) : values_(counters), is_known_(counters), window_of_(counters), windows_(windows) {}
  void know(std::size_t counter, std::uint64_t value) {
    is_known_[counter] = 1;
    values_[counter] = value;
  }
  void know_nothing() { std::fill(is_known_.begin(), is_known_.end(), 0); }

  std::vector<std::uint64_t> values_;
  std::vector<char> is_known_;
  std::vector<std::uint32_t> window_of_;
  std::vector<ReadWindow> windows_;
  double disturbed_ns_ = 0;
};

// Files that hold one number each, read with kept descriptors: sysfs makes the text anew for every read at offset 0.
class FileSource : public Source {
 public:
  explicit FileSource(std::vector<std::string> paths);
  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  void read() override;

 private:
  struct File {
    std::string path;
    int descriptor = -1;
    double retry_ns = 0;
  };
  void read_one(std::size_t number);

  std::vector<File> files_;
  Usual usual_;
};

// One number of an interface's statistics: its place in the kernel's rtnl_link_stats64.
struct LinkCounter {
  std::string link;
  unsigned field = 0;
};

constexpr unsigned kLinkFields = 24;

// Room for one part of the kernel's answer.
std::size_t link_buffer_bytes(std::size_t page_bytes);

// Statistics of all interfaces with one request of rtnetlink.
class LinkSource : public Source {
 public:
  explicit LinkSource(std::vector<LinkCounter> counters, OpenSocket open = open_netlink_socket);
  ~LinkSource() override;
  LinkSource(const LinkSource&) = delete;
  LinkSource& operator=(const LinkSource&) = delete;
  void read() override;

 private:
  // Counters that follow each other as their fields do.
  struct Run {
    std::uint32_t field;
    std::uint32_t counter;
    std::uint32_t length;
  };
  // Its counters are in `count` runs from `first` on, its window has its own number.
  struct Link {
    std::string name;
    unsigned index = 0;
    std::size_t first = 0;
    std::size_t count = 0;
    // Of the last request that it was in the answer of.
    std::uint32_t sequence = 0;
  };
  static bool follows(const Run& run, unsigned field, std::uint32_t counter);
  // Again at once where the first request was interrupted: nobody knows on which side of that its numbers were read.
  double read_once();
  void receive();
  void find_links(double now_ns);
  Link*& slot_of(unsigned index);
  bool request();
  // False when the answer is finished or failed.
  bool take_part(std::size_t bytes);
  void take_link(std::size_t at, std::size_t end);
  // Numbers begin there in the buffer.
  void take_stats(unsigned index, std::size_t at, std::size_t fields);
  void forget_absent();

  const OpenSocket open_;
  std::vector<Run> runs_;
  std::vector<Link> links_;
  // Links by index; a power of two.
  std::vector<Link*> slots_;
  std::vector<char> buffer_;
  int socket_ = -1;
  std::uint32_t sequence_ = 0;
  double retry_ns_ = 0;
  // Of the part that is taken next.
  ReadWindow window_;
  std::size_t answered_ = 0;
  Usual window_usual_;
  Usual read_usual_;
};

// A decimal number with an optional newline after it; false for anything else, such as "N/A (no PMA)".
bool parse_number(const char* text, std::size_t bytes, std::uint64_t& value);

}  // namespace sampler
