// Statistics of interfaces by ethtool: the standard groups by netlink, one message a group, and the driver's own by ioctl. Either may wait for firmware and
// for whoever configures the network: not for the fast thread.

#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "clock.h"
#include "ethtool-netlink.h"
#include "ethtool-strings.h"
#include "source.h"

namespace sampler {

struct EthtoolStatistic {
  std::string link;
  EthtoolGroup group = EthtoolGroup::kMac;
  // Below `kEthtoolAttributes`.
  unsigned attribute = 0;
};

class EthtoolSource : public Source {
 public:
  explicit EthtoolSource(std::vector<EthtoolStatistic> statistics, OpenSocket open = open_netlink_socket, Now now = monotonic_ns);
  void read() override;

 private:
  static constexpr int kUnwanted = -1;
  // A driver may answer one and refuse the other.
  struct Question {
    Request (*request)(std::uint16_t family, std::string_view link) = nullptr;
    std::size_t window = 0;
    bool is_wanted = false;
    double retry_ns = 0;
  };
  struct Link {
    std::string name;
    // The reading of each attribute of each group.
    std::array<std::array<int, kEthtoolAttributes>, kEthtoolGroups> readings;
    // The standard groups, and pauses.
    std::array<Question, 2> questions;
  };
  Link& link_of(const std::string& name);
  bool open(double now_ns);
  void read_link(const Link& link, Question& question);
  Answer ask(const Link& link, const Question& question);

  const Now now_;
  NetlinkClient client_;
  std::vector<Link> links_;
  std::uint16_t family_ = 0;
  double retry_ns_ = 0;
};

struct EthtoolString {
  std::string link;
  std::string name;
};

class EthtoolStringSource : public Source {
 public:
  explicit EthtoolStringSource(std::vector<EthtoolString> strings, AskDriver ask = ask_driver, Now now = monotonic_ns);
  void read() override;

 private:
  struct Wanted {
    std::size_t reading;
    std::string name;
    // In the driver's list, as it was the last time.
    std::size_t position = 0;
  };
  struct Link {
    std::string name;
    std::vector<Wanted> wanted;
    double retry_ns = 0;
  };
  void read_link(Link& link, ReadWindow& window);
  bool find(Wanted& wanted) const;

  const Now now_;
  EthtoolStrings strings_;
  std::vector<Link> links_;
};

}  // namespace sampler
