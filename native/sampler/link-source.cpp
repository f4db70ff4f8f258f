// Statistics of all interfaces by one dump of rtnetlink (RTM_GETSTATS, filter LINK_64): kernel header linux/if_link.h, struct rtnl_link_stats64.
// The kernel fills the answer while it is received, so the read window is the time from the request to the end of the answer.

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "clock.h"
#include "source.h"

namespace sampler {

namespace {

// The kernel fills at most 32 KiB a part.
constexpr std::size_t kBufferBytes = 64 * 1024;
// A dump is made of memory alone; one that takes longer has gone wrong.
constexpr suseconds_t kAnswerMicroseconds = 100'000;

struct StatsRequest {
  nlmsghdr header;
  if_stats_msg stats;
};

int open_socket() {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return -1;
  const timeval timeout{0, kAnswerMicroseconds};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  return fd;
}

}  // namespace

LinkSource::LinkSource(std::vector<LinkCounter> counters) : Source(counters.size()), counters_(std::move(counters)), buffer_(kBufferBytes) {
  for (std::size_t i = 0; i < counters_.size(); i++) {
    if (links_.empty() || links_.back().name != counters_[i].link) links_.push_back({counters_[i].link, 0, i, 0});
    links_.back().count++;
  }
}

LinkSource::~LinkSource() {
  if (socket_ >= 0) close(socket_);
}

void LinkSource::read() {
  const double begin_ns = monotonic_ns();
  for (auto& reading : readings_) reading.is_known = false;
  find_links(begin_ns);
  if (socket_ < 0 || !request()) return;
  for (;;) {
    const ssize_t bytes = recv(socket_, buffer_.data(), buffer_.size(), 0);
    if (bytes <= 0) {
      // An answer that comes later would be taken for the next one's.
      close(socket_);
      socket_ = -1;
      break;
    }
    if (!take_part(static_cast<std::size_t>(bytes))) break;
  }
  const double end_ns = monotonic_ns();
  for (auto& reading : readings_) {
    reading.begin_ns = begin_ns;
    reading.end_ns = end_ns;
  }
}

// An interface that was made again has another index.
void LinkSource::find_links(double now_ns) {
  if (now_ns < retry_ns_) return;
  retry_ns_ = now_ns + kRetryNs;
  if (socket_ < 0) socket_ = open_socket();
  for (auto& link : links_) link.index = if_nametoindex(link.name.c_str());
}

bool LinkSource::request() {
  StatsRequest request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_GETSTATS;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.header.nlmsg_seq = ++sequence_;
  request.stats.filter_mask = IFLA_STATS_FILTER_BIT(IFLA_STATS_LINK_64);
  return send(socket_, &request, sizeof request, 0) == static_cast<ssize_t>(sizeof request);
}

bool LinkSource::take_part(std::size_t bytes) {
  std::size_t at = 0;
  while (at + sizeof(nlmsghdr) <= bytes) {
    nlmsghdr header;
    std::memcpy(&header, &buffer_[at], sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes - at) return false;
    const bool is_ours = header.nlmsg_seq == sequence_;
    if (is_ours && (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR)) return false;
    if (is_ours && header.nlmsg_type == RTM_NEWSTATS) take_link(at + NLMSG_HDRLEN, at + header.nlmsg_len);
    at += NLMSG_ALIGN(header.nlmsg_len);
  }
  return true;
}

// One interface's message, without its header.
void LinkSource::take_link(std::size_t at, std::size_t end) {
  if (at + sizeof(if_stats_msg) > end) return;
  if_stats_msg stats;
  std::memcpy(&stats, &buffer_[at], sizeof stats);
  at += NLMSG_ALIGN(sizeof stats);
  while (at + sizeof(rtattr) <= end) {
    rtattr head;
    std::memcpy(&head, &buffer_[at], sizeof head);
    if (head.rta_len < sizeof head || head.rta_len > end - at) return;
    if (head.rta_type == IFLA_STATS_LINK_64) {
      // Attributes are aligned to four bytes, numbers to eight: copied. Older kernels have fewer fields, newer ones more.
      std::uint64_t fields[kLinkFields] = {};
      const std::size_t given = std::min(std::size_t{head.rta_len} - sizeof head, sizeof fields);
      std::memcpy(fields, &buffer_[at + RTA_LENGTH(0)], given);
      take_stats(stats.ifindex, fields, given / sizeof fields[0]);
    }
    at += RTA_ALIGN(head.rta_len);
  }
}

void LinkSource::take_stats(unsigned index, const std::uint64_t* stats, std::size_t fields) {
  for (const auto& link : links_) {
    if (link.index != index) continue;
    for (std::size_t i = link.first; i < link.first + link.count; i++) {
      readings_[i].is_known = counters_[i].field < fields;
      if (readings_[i].is_known) readings_[i].value = stats[counters_[i].field];
    }
  }
}

}  // namespace sampler
