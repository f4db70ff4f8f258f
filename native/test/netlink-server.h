// A kernel for netlink clients: one end of a socket pair for each socket that they open, and a thread that answers there. Messages are made by functions of
// their own, so that an error of the client is not made twice.

#pragma once

#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "../sampler/netlink.h"

namespace test {

template <typename T>
std::string bytes_of(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

inline std::string padded(std::string bytes) {
  bytes.resize((bytes.size() + 3) / 4 * 4);
  return bytes;
}

inline std::string attribute(unsigned type, const std::string& value) {
  return padded(bytes_of(nlattr{static_cast<std::uint16_t>(sizeof(nlattr) + value.size()), static_cast<std::uint16_t>(type)}) + value);
}

inline std::string text_attribute(unsigned type, const std::string& text) { return attribute(type, text + '\0'); }

inline std::string message(unsigned type, std::uint32_t sequence, const std::string& body) {
  const nlmsghdr header{static_cast<std::uint32_t>(sizeof(nlmsghdr) + body.size()), static_cast<std::uint16_t>(type), 0, sequence, 0};
  return padded(bytes_of(header) + body);
}

inline std::string error_message(std::uint32_t sequence, int error) {
  return message(NLMSG_ERROR, sequence, bytes_of(std::int32_t{-error}) + bytes_of(nlmsghdr{}));
}

inline std::string done_message(std::uint32_t sequence) { return message(NLMSG_DONE, sequence, bytes_of(std::int32_t{0})); }

class Server {
 public:
  // Datagrams to send; none at all hangs up.
  using Answer = std::function<std::vector<std::string>(const nlmsghdr& header, const std::string& body)>;

  explicit Server(Answer answer) : answer_(std::move(answer)) {}
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    const std::lock_guard lock(mutex_);
    for (auto& line : lines_) {
      shutdown(line.socket, SHUT_RDWR);
      line.thread.join();
      close(line.socket);
    }
  }

  sampler::OpenSocket opener() {
    return [this](int) { return open(); };
  }
  // Changes what the answers tell.
  void change(const std::function<void()>& apply) {
    const std::lock_guard lock(world_);
    apply();
  }
  std::atomic<bool> is_absent{false};
  std::atomic<unsigned> opened{0};
  std::atomic<unsigned> questions{0};

 private:
  struct Line {
    int socket;
    std::thread thread;
  };

  int open() {
    std::array<int, 2> ends{};
    if (is_absent || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return -1;
    opened++;
    const std::lock_guard lock(mutex_);
    lines_.push_back({ends[1], std::thread([this, end = ends[1]] { serve(end); })});
    return ends[0];
  }

  void serve(int socket) {
    std::vector<char> request(64 * 1024);
    for (;;) {
      const ssize_t size = recv(socket, request.data(), request.size(), 0);
      if (size < static_cast<ssize_t>(sizeof(nlmsghdr))) return;
      nlmsghdr header;
      std::memcpy(&header, request.data(), sizeof header);
      questions++;
      std::vector<std::string> parts;
      {
        const std::lock_guard lock(world_);
        parts = answer_(header, std::string(request.data() + NLMSG_HDRLEN, static_cast<std::size_t>(size) - NLMSG_HDRLEN));
      }
      if (parts.empty()) shutdown(socket, SHUT_RDWR);
      for (const auto& part : parts) send(socket, part.data(), part.size(), MSG_NOSIGNAL);
    }
  }

  const Answer answer_;
  std::mutex world_;
  std::mutex mutex_;
  std::list<Line> lines_;
};

// The time of a source under test, in nanoseconds.
inline double now_ns = 1e9;
inline double now() { return now_ns += 1000; }

}  // namespace test
