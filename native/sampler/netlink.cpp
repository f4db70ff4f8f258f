// Building and reading netlink messages. See netlink.h, and netlink(7).

#include "netlink.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace sampler {

namespace {

// The kernel makes parts of at most 32 KiB.
constexpr std::size_t kBufferBytes = 64 * 1024;
constexpr suseconds_t kAnswerMicroseconds = 100'000;
// A process that is stopped and continued is interrupted each time, and not for ever.
constexpr unsigned kInterruptionsMax = 16;
// Of the kernel's own (MAX_ERRNO). A number beyond has no opposite or is none of an error.
constexpr std::int32_t kErrorMax = 4095;

}  // namespace

int open_netlink_socket(int protocol) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) return -1;
  const timeval timeout{0, kAnswerMicroseconds};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  return fd;
}

Bytes after(Bytes bytes, std::size_t header) {
  if (header >= bytes.size) return {};
  return {bytes.at + header, bytes.size - header};
}

bool take_message(Bytes& bytes, nlmsghdr& header, Bytes& body) {
  if (bytes.size < sizeof header) return false;
  std::memcpy(&header, bytes.at, sizeof header);
  if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size) return false;
  body = {bytes.at + NLMSG_HDRLEN, header.nlmsg_len - std::size_t{NLMSG_HDRLEN}};
  bytes = after(bytes, NLMSG_ALIGN(header.nlmsg_len));
  return true;
}

bool Attributes::next(Attribute& attribute) {
  nlattr head;
  if (left_.size < sizeof head) return false;
  std::memcpy(&head, left_.at, sizeof head);
  if (head.nla_len < sizeof head || head.nla_len > left_.size) return false;
  attribute.type = head.nla_type & NLA_TYPE_MASK;
  attribute.value = {left_.at + NLA_HDRLEN, head.nla_len - std::size_t{NLA_HDRLEN}};
  left_ = after(left_, NLA_ALIGN(head.nla_len));
  return true;
}

bool find_attribute(Bytes bytes, unsigned type, Bytes& value) {
  Attributes attributes(bytes);
  for (Attribute attribute; attributes.next(attribute);) {
    if (attribute.type != type) continue;
    value = attribute.value;
    return true;
  }
  return false;
}

bool number_of(Bytes value, std::uint64_t& number) {
  const auto read = [&](auto narrow) {
    std::memcpy(&narrow, value.at, sizeof narrow);
    number = narrow;
    return true;
  };
  switch (value.size) {
    case 1: return read(std::uint8_t{});
    case 2: return read(std::uint16_t{});
    case 4: return read(std::uint32_t{});
    case 8: return read(std::uint64_t{});
    default: return false;
  }
}

bool find_number(Bytes attributes, unsigned type, std::uint64_t& number) {
  Bytes value;
  return find_attribute(attributes, type, value) && number_of(value, number);
}

std::string_view text_of(Bytes value) {
  return {value.at, value.size == 0 ? 0 : strnlen(value.at, value.size)};
}

Request::Request(unsigned type, unsigned flags) {
  nlmsghdr header{};
  header.nlmsg_type = static_cast<std::uint16_t>(type);
  header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  append(&header, sizeof header);
}

void Request::append(const void* data, std::size_t size) {
  const std::size_t aligned = NLMSG_ALIGN(size);
  if (aligned > bytes_.size() - size_) {
    is_whole_ = false;
    return;
  }
  if (size > 0) std::memcpy(&bytes_[size_], data, size);
  size_ += aligned;
}

void Request::put(unsigned type, const void* data, std::size_t size) {
  const nlattr head{static_cast<std::uint16_t>(NLA_HDRLEN + size), static_cast<std::uint16_t>(type)};
  append(&head, sizeof head);
  append(data, size);
}

void Request::put_text(unsigned type, std::string_view text) {
  std::array<char, 256> ended{};
  if (text.size() >= ended.size()) {
    is_whole_ = false;
    return;
  }
  std::memcpy(ended.data(), text.data(), text.size());
  put(type, ended.data(), text.size() + 1);
}

std::size_t Request::begin(unsigned type) {
  const std::size_t begun = size_;
  put(type | NLA_F_NESTED, nullptr, 0);
  return begun;
}

void Request::end(std::size_t begun) {
  if (!is_whole_) return;
  const auto length = static_cast<std::uint16_t>(size_ - begun);
  std::memcpy(&bytes_[begun], &length, sizeof length);
}

NetlinkClient::NetlinkClient(int protocol, OpenSocket open) : protocol_(protocol), open_(std::move(open)), buffer_(kBufferBytes) {}

NetlinkClient::~NetlinkClient() { close(); }

bool NetlinkClient::open() {
  if (socket_ < 0) socket_ = open_(protocol_);
  return socket_ >= 0;
}

void NetlinkClient::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

bool NetlinkClient::send_request(Request& request) {
  if (socket_ < 0 || !request.is_whole_) return false;
  nlmsghdr header;
  std::memcpy(&header, request.bytes_.data(), sizeof header);
  header.nlmsg_len = static_cast<std::uint32_t>(request.size_);
  header.nlmsg_seq = ++sequence_;
  std::memcpy(request.bytes_.data(), &header, sizeof header);
  if (send(socket_, request.bytes_.data(), request.size_, MSG_NOSIGNAL) == static_cast<ssize_t>(request.size_)) return true;
  close();
  return false;
}

// False, and the socket is closed, when nothing comes, or more than there is room for: an answer that comes later would be taken for the next one's.
bool NetlinkClient::receive(Bytes& bytes) {
  for (unsigned interruptions = 0; interruptions < kInterruptionsMax; interruptions++) {
    const ssize_t size = recv(socket_, buffer_.data(), buffer_.size(), MSG_TRUNC);
    if (size < 0 && errno == EINTR) continue;
    bytes = {buffer_.data(), static_cast<std::size_t>(size)};
    if (size > 0 && bytes.size <= buffer_.size()) return true;
    break;
  }
  close();
  return false;
}

NetlinkClient::Step NetlinkClient::take_error(Bytes body) {
  std::int32_t code = 0;
  if (body.size < sizeof code) return Step::kBroken;
  std::memcpy(&code, body.at, sizeof code);
  if (code > 0 || code < -kErrorMax) return Step::kBroken;
  error_ = -code;
  return code == 0 ? Step::kDone : Step::kRefused;
}

}  // namespace sampler
