// Statistics of all interfaces by one dump of rtnetlink (RTM_GETSTATS, filter LINK_64): kernel header linux/if_link.h, struct rtnl_link_stats64.
// The kernel fills the first part of the answer within the request, and each further part while the one before is received: those are the read windows.

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "clock.h"
#include "source.h"

namespace sampler {

namespace {

struct StatsRequest {
  nlmsghdr header;
  if_stats_msg stats;
};

// Twice as many as there are interfaces, so that looking one up takes one or two steps.
constexpr std::size_t kSlotsPerLink = 2;

// 0 where there is none.
unsigned index_of(int fd, const std::string& name) {
  ifreq request{};
  if (fd < 0 || name.size() >= sizeof request.ifr_name) return 0;
  std::memcpy(request.ifr_name, name.data(), name.size());
  return ioctl(fd, SIOCGIFINDEX, &request) == 0 ? static_cast<unsigned>(request.ifr_ifindex) : 0;
}

}  // namespace

LinkSource::LinkSource(std::vector<LinkCounter> counters, OpenSocket open)
    : Source(counters.size(), 0), open_(std::move(open)), buffer_(link_buffer_bytes(static_cast<std::size_t>(sysconf(_SC_PAGESIZE)))) {
  std::map<std::string, std::vector<Run>> by_name;
  for (std::size_t i = 0; i < counters.size(); i++) {
    const auto counter = static_cast<std::uint32_t>(i);
    std::vector<Run>& runs = by_name[counters[i].link];
    if (!runs.empty() && follows(runs.back(), counters[i].field, counter)) runs.back().length++;
    else runs.push_back({counters[i].field, counter, 1});
  }
  for (auto& [name, runs] : by_name) {
    for (const Run& run : runs) std::fill_n(window_of_.begin() + run.counter, run.length, static_cast<std::uint32_t>(links_.size()));
    links_.push_back({name, 0, runs_.size(), runs.size(), 0});
    runs_.insert(runs_.end(), runs.begin(), runs.end());
  }
  windows_.resize(links_.size());
  std::size_t slots = 1;
  while (slots < kSlotsPerLink * links_.size()) slots *= 2;
  slots_.assign(slots, nullptr);
}

// The kernel makes parts as large as the buffer that it is asked with. One that fits into 8 KiB together with the kernel's own words comes from its caches, a larger one is pages that are
// taken and given back for each answer: 32 interfaces fit into 7680 bytes, more come in several parts. Where pages are larger than 4 KiB parts may have 7872 bytes, whoever asks.
std::size_t link_buffer_bytes(std::size_t page_bytes) { return page_bytes > 4096 ? 8192 : 7680; }

LinkSource::~LinkSource() {
  if (socket_ >= 0) close(socket_);
}

void LinkSource::read() {
  const double begin_ns = monotonic_ns();
  find_links(begin_ns);
  if (window_usual_.excess_of(read_once()) > 0) read_once();
  disturbed_ns_ = read_usual_.excess_of(monotonic_ns() - begin_ns);
}

// Returns the length of the first read window; 0 where there is no answer.
double LinkSource::read_once() {
  const double first_ns = monotonic_ns();
  double request_ns = 0;
  answered_ = 0;
  if (socket_ >= 0 && request()) {
    window_ = {first_ns, monotonic_ns()};
    request_ns = window_.end_ns - first_ns;
    receive();
  }
  if (answered_ < links_.size()) forget_absent();
  return request_ns;
}

bool LinkSource::follows(const Run& run, unsigned field, std::uint32_t counter) { return run.field + run.length == field && run.counter + run.length == counter; }

void LinkSource::forget_absent() {
  for (const Link& link : links_)
    for (std::size_t i = link.first; link.sequence != sequence_ && i < link.first + link.count; i++) std::fill_n(is_known_.begin() + runs_[i].counter, runs_[i].length, 0);
}

void LinkSource::receive() {
  for (;;) {
    const ssize_t bytes = recv(socket_, buffer_.data(), buffer_.size(), MSG_TRUNC);
    if (bytes <= 0 || static_cast<std::size_t>(bytes) > buffer_.size()) {
      // An answer that comes later would be taken for the next one's, and what was cut off never comes.
      close(socket_);
      socket_ = -1;
      return;
    }
    if (!take_part(static_cast<std::size_t>(bytes))) return;
    window_ = {window_.end_ns, monotonic_ns()};
  }
}

// An interface that was made again has another index.
void LinkSource::find_links(double now_ns) {
  if (now_ns < retry_ns_) return;
  retry_ns_ = now_ns + kRetryNs;
  if (socket_ < 0) socket_ = open_(NETLINK_ROUTE);
  std::fill(slots_.begin(), slots_.end(), nullptr);
  for (auto& link : links_) {
    link.index = index_of(socket_, link.name);
    if (link.index != 0) slot_of(link.index) = &link;
  }
}

// Where the interface of that number is, or would be: the table always has free slots.
LinkSource::Link*& LinkSource::slot_of(unsigned index) {
  std::size_t slot = index & (slots_.size() - 1);
  while (slots_[slot] != nullptr && slots_[slot]->index != index) slot = (slot + 1) & (slots_.size() - 1);
  return slots_[slot];
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
      // Older kernels have fewer fields, newer ones more.
      take_stats(stats.ifindex, at + RTA_LENGTH(0), (head.rta_len - sizeof head) / sizeof(std::uint64_t));
    }
    at += RTA_ALIGN(head.rta_len);
  }
}

void LinkSource::take_stats(unsigned index, std::size_t at, std::size_t fields) {
  Link* link = slot_of(index);
  if (link == nullptr) return;
  if (link->sequence != sequence_) answered_++;
  link->sequence = sequence_;
  windows_[static_cast<std::size_t>(link - links_.data())] = window_;
  for (std::size_t i = link->first; i < link->first + link->count; i++) {
    const Run run = runs_[i];
    const std::size_t known = std::min<std::size_t>(run.length, fields - std::min<std::size_t>(run.field, fields));
    std::fill_n(is_known_.begin() + run.counter, known, 1);
    std::fill_n(is_known_.begin() + run.counter + static_cast<std::ptrdiff_t>(known), run.length - known, 0);
    if (known > 0) std::memcpy(&values_[run.counter], &buffer_[at + run.field * sizeof(std::uint64_t)], known * sizeof(std::uint64_t));
  }
}

}  // namespace sampler
