// Messages of netlink: requests that are built in place, answers whose every length is checked before it is believed, and a client that asks one question
// at a time. Allocates nothing after it was made.

#pragma once

#include <linux/netlink.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string_view>
#include <vector>

namespace sampler {

// A socket for a protocol of netlink, which the client closes; -1 where there is none. Tests give one end of a pair.
using OpenSocket = std::function<int(int protocol)>;

// Waits at most 0.1 s for an answer: the kernel has it ready when the question was sent.
int open_netlink_socket(int protocol);

struct Bytes {
  const char* at = nullptr;
  std::size_t size = 0;
};

struct Attribute {
  unsigned type = 0;
  Bytes value;
};

// The attributes of a message or of one that contains others, in order, up to the first whose length cannot be.
class Attributes {
 public:
  explicit Attributes(Bytes bytes) : left_(bytes) {}
  bool next(Attribute& attribute);

 private:
  Bytes left_;
};

// The first attribute of a type; false where there is none.
bool find_attribute(Bytes attributes, unsigned type, Bytes& value);
// A number of one, two, four or eight bytes in the machine's order.
bool number_of(Bytes value, std::uint64_t& number);
bool find_number(Bytes attributes, unsigned type, std::uint64_t& number);
// Up to the first NUL.
std::string_view text_of(Bytes value);
// What follows a fixed header; empty when it is not there.
Bytes after(Bytes bytes, std::size_t header);
// Takes the first message off; false when its length cannot be.
bool take_message(Bytes& bytes, nlmsghdr& header, Bytes& body);

// A request. What does not fit is left out and makes it unfit to be sent.
class Request {
 public:
  Request(unsigned type, unsigned flags);
  void append(const void* data, std::size_t size);
  void put(unsigned type, const void* data, std::size_t size);
  void put_number(unsigned type, std::uint32_t number) { put(type, &number, sizeof number); }
  // With the NUL that the kernel wants.
  void put_text(unsigned type, std::string_view text);
  // Attributes until `end` lie within this one.
  std::size_t begin(unsigned type);
  void end(std::size_t begun);

 private:
  friend class NetlinkClient;
  alignas(nlmsghdr) std::array<char, 512> bytes_{};
  std::size_t size_ = 0;
  bool is_whole_ = true;
};

enum class Answer {
  // The answer came to its end.
  kDone,
  // The kernel refused; why is in `error()`.
  kRefused,
  // No answer, or none that can be understood: the socket is closed.
  kLost,
};

class NetlinkClient {
 public:
  NetlinkClient(int protocol, OpenSocket open);
  ~NetlinkClient();
  NetlinkClient(const NetlinkClient&) = delete;
  NetlinkClient& operator=(const NetlinkClient&) = delete;

  bool is_open() const { return socket_ >= 0; }
  // Opens the socket unless it is open.
  bool open();
  void close();
  // The error of the refusal, as errno has it.
  int error() const { return error_; }

  // Gives the body of every message of the answer to `take(type, body)`; a question that is no dump is answered by one.
  template <typename Take>
  Answer ask(Request& request, bool is_dump, Take take) {
    if (!send_request(request)) return Answer::kLost;
    for (unsigned part = 0; part < kPartsMax; part++) {
      Bytes part_bytes;
      if (!receive(part_bytes)) return Answer::kLost;
      switch (read_part(part_bytes, is_dump, take)) {
        case Step::kMore: break;
        case Step::kDone: return Answer::kDone;
        case Step::kRefused: return Answer::kRefused;
        case Step::kBroken: close(); return Answer::kLost;
      }
    }
    close();
    return Answer::kLost;
  }

 private:
  // Parts of one answer, with those of earlier ones that nobody waited for.
  static constexpr unsigned kPartsMax = 4096;
  enum class Step { kMore, kDone, kRefused, kBroken };

  template <typename Take>
  Step read_part(Bytes bytes, bool is_dump, Take& take) {
    while (bytes.size > 0) {
      nlmsghdr header;
      Bytes body;
      if (!take_message(bytes, header, body)) return Step::kBroken;
      // Else of an earlier question.
      if (header.nlmsg_seq != sequence_) continue;
      if (header.nlmsg_type == NLMSG_DONE) return Step::kDone;
      if (header.nlmsg_type == NLMSG_ERROR) return take_error(body);
      if (header.nlmsg_type < NLMSG_MIN_TYPE) continue;
      take(static_cast<unsigned>(header.nlmsg_type), body);
      if (!is_dump) return Step::kDone;
    }
    return Step::kMore;
  }

  bool send_request(Request& request);
  bool receive(Bytes& bytes);
  Step take_error(Bytes body);

  const int protocol_;
  const OpenSocket open_;
  std::vector<char> buffer_;
  int socket_ = -1;
  int error_ = 0;
  std::uint32_t sequence_ = 0;
};

}  // namespace sampler
