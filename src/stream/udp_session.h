// UdpSession: one client's datagrams and their node. It owns itself and retires when it is over.
// Belongs to one loop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/intrusive_list.h"
#include "net/loop.h"
#include "stream/udp_proxy.h"

namespace pylon::stream {

// The socket that answers leave by: the door's, open as long as a session needs it.
class UdpProxy::Exit {
 public:
  explicit Exit(int fd);  // duplicates it
  ~Exit();
  Exit(const Exit&) = delete;
  Exit& operator=(const Exit&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

class UdpSession final : public net::Retirable,
                         public ListHook<UdpSession>,
                         private net::Watcher,
                         private net::Timer {
 public:
  // How it came.
  struct Arrival {
    const UdpProxy::Key& key;
    const http::ConnectionEnds& ends;
    const sockaddr_storage& client;
    std::shared_ptr<const UdpProxy::Exit> exit;
    bool wildcard;  // the exit is on no one address: ends.server is to be the source of answers
  };

  // Null when nobody takes it: `octets` is its first datagram.
  static UdpSession* open(UdpProxy& proxy, const Arrival& arrival, std::string_view octets);
  ~UdpSession() override;

  // Datagrams of the proxy's batch, from its client to its node.
  void send(unsigned first, unsigned count);
  void close();
  int64_t touched_us() const { return touched_us_; }

 private:
  UdpSession(UdpProxy& proxy, const Arrival& arrival);

  SessionStatus establish(std::string_view octets);
  bool connect(const upstream::Endpoint& endpoint);
  void on_events(uint32_t epoll_events) override;
  void fire() override;
  void touch();
  void fail(int error);

  UdpProxy& proxy_;
  Presence::Stay stay_;
  UdpProxy::Key key_;
  std::shared_ptr<const UdpProxy::Exit> exit_;
  int fd_ = -1;  // connected to the node
  sockaddr_storage client_;
  std::optional<IpAddress> local_;        // what answers come from; none: the exit's own address
  std::unique_ptr<Admission> admission_;  // null when its end is not logged
  std::optional<upstream::Ticket> ticket_;
  int64_t idle_timeout_us_;
  int64_t touched_us_ = 0;
  uint64_t up_ = 0, down_ = 0;  // octets
  SessionStatus status_ = SessionStatus::failed;
  bool closed_ = false;
};

}  // namespace pylon::stream
