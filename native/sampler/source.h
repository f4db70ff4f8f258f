// A source reads several counters at once. It is opened lazily and opens itself again after a loss, at most once in `kRetryNs`, because
// devices come and go; until then its counters have no reading.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sampler {

constexpr double kRetryNs = 1e9;
// The monotonic clock, or that of a test.
using Now = double (*)();

struct Reading {
  bool is_known = false;
  std::uint64_t value = 0;
  double begin_ns = 0;
  double end_ns = 0;
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
  // Fills `readings()`; allocates nothing.
  virtual void read() = 0;
  const std::vector<Reading>& readings() const { return readings_; }
  // How much of the time that the last reading took was somebody else's: an interruption says nothing of what the source costs.
  double disturbed_ns() const { return disturbed_ns_; }

 protected:
  explicit Source(std::size_t counters) : readings_(counters) {}
  std::vector<Reading> readings_;
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
  void read_one(File& file, Reading& reading);

  std::vector<File> files_;
  Usual usual_;
};

// One number of an interface's statistics: its place in the kernel's rtnl_link_stats64.
struct LinkCounter {
  std::string link;
  unsigned field = 0;
};

constexpr unsigned kLinkFields = 24;

// Statistics of all interfaces with one request of rtnetlink.
class LinkSource : public Source {
 public:
  explicit LinkSource(std::vector<LinkCounter> counters);
  ~LinkSource() override;
  LinkSource(const LinkSource&) = delete;
  LinkSource& operator=(const LinkSource&) = delete;
  void read() override;

 private:
  struct Place {
    unsigned field;
    std::size_t reading;
  };
  // Its counters are `count` places from `first` on.
  struct Link {
    std::string name;
    unsigned index = 0;
    std::size_t first = 0;
    std::size_t count = 0;
  };
  struct Window {
    double begin_ns;
    double end_ns;
  };
  // Again at once where the first request was interrupted: nobody knows on which side of that its numbers were read.
  double read_once();
  void receive();
  void find_links(double now_ns);
  Link*& slot_of(unsigned index);
  bool request();
  // False when the answer is finished or failed.
  bool take_part(std::size_t bytes);
  void take_link(std::size_t at, std::size_t end);
  void take_stats(unsigned index, const std::uint64_t* stats, std::size_t fields);

  std::vector<Place> places_;
  std::vector<Link> links_;
  // Links by index; a power of two.
  std::vector<Link*> slots_;
  std::vector<char> buffer_;
  int socket_ = -1;
  std::uint32_t sequence_ = 0;
  double retry_ns_ = 0;
  // Of the part that is taken next.
  Window window_{};
  std::size_t filled_ = 0;
  Usual window_usual_;
  Usual read_usual_;
};

// A decimal number with an optional newline after it; false for anything else, such as "N/A (no PMA)".
bool parse_number(const char* text, std::size_t bytes, std::uint64_t& value);

}  // namespace sampler
