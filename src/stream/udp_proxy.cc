#include "stream/udp_proxy.h"

#include <algorithm>
#include <cstring>

#include "net/socket_address.h"
#include "observe/log.h"
#include "stream/udp_session.h"

namespace pylon::stream {
namespace {

constexpr int kBatches = 8;  // before others get their turn
constexpr int64_t kComplainEveryUs = 10'000'000;

bool is_wildcard(const IpAddress& address) {
  const auto& bytes = address.bytes();
  size_t first = address.is_v4() ? 12 : 0;
  return std::all_of(bytes.begin() + static_cast<ptrdiff_t>(first), bytes.end(),
                     [](uint8_t octet) { return octet == 0; });
}

void put_port(char* into, uint16_t port) { std::memcpy(into, &port, sizeof port); }

}  // namespace

// One socket that clients send to.
class UdpProxy::Door final : public net::Watcher, public net::Retirable {
 public:
  Door(UdpProxy& proxy, int fd) : proxy_(proxy), fd_(fd), exit_(std::make_shared<const Exit>(fd)) {
    sockaddr_storage near{};
    socklen_t size = sizeof near;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&near), &size) == 0) {
      near_ = net::place_of(near);
    }
    wildcard_ = is_wildcard(near_.address);
    if (wildcard_) net::Datagrams::tell_local(fd);
    proxy_.place_.loop.watch(fd, *this, EPOLLIN);
  }
  void shut() { proxy_.place_.loop.unwatch(fd_); }

  int fd() const { return fd_; }
  bool wildcard() const { return wildcard_; }
  const std::shared_ptr<const Exit>& exit() const { return exit_; }
  http::ConnectionEnds ends_of(const net::Datagrams& batch, unsigned index) const {
    http::ConnectionEnds ends;
    net::Place client = net::place_of(batch.from(index));
    ends.set_client(client.address, client.port);
    ends.server = wildcard_ ? batch.local(index) : near_.address;
    ends.server_port = near_.port;
    return ends;
  }

 private:
  void on_events(uint32_t) override { proxy_.take(*this); }

  UdpProxy& proxy_;
  int fd_;
  std::shared_ptr<const Exit> exit_;
  net::Place near_;
  bool wildcard_ = false;
};

UdpProxy::UdpProxy(const Workplace& place, const UdpLimits& limits)
    : place_(place), limits_(limits) {}

UdpProxy::~UdpProxy() { close_all(); }

void UdpProxy::listen(int fd) {
  if (batch_ == nullptr) batch_ = std::make_unique<net::Datagrams>();
  doors_.push_back(std::make_unique<Door>(*this, fd));
}

void UdpProxy::stop_listening() {
  for (auto& door : doors_) {
    door->shut();
    place_.loop.retire(door.release());  // events of this turn may still name it
  }
  doors_.clear();
}

void UdpProxy::close_all() {
  while (!sessions_.empty()) sessions_.front()->close();
}

// Datagrams of one sender that came together leave together.
void UdpProxy::take(Door& door) {
  for (int round = 0; round < kBatches; round++) {
    int got = batch_->receive(door.fd());
    if (got <= 0) return;
    auto count = static_cast<unsigned>(got);
    UdpSession* session = nullptr;
    unsigned first = 0;
    for (unsigned i = 0; i < count; i++) {
      UdpSession* next = session_of(door, i);
      if (next == session) continue;
      if (session != nullptr) session->send(first, i - first);
      session = next;
      first = i;
    }
    if (session != nullptr) session->send(first, count - first);
    if (count < net::Datagrams::kMost) return;
  }
}

UdpSession* UdpProxy::session_of(Door& door, unsigned index) {
  http::ConnectionEnds ends = door.ends_of(*batch_, index);
  Key key;
  std::memcpy(key.octets, ends.client.bytes().data(), 16);
  put_port(key.octets + 16, ends.client_port);
  std::memcpy(key.octets + 18, ends.server.bytes().data(), 16);
  put_port(key.octets + 34, ends.server_port);
  auto found = by_key_.find(key);
  if (found != by_key_.end()) return found->second;
  if (sessions_.size() >= limits_.sessions && !make_room()) return nullptr;
  UdpSession* session = UdpSession::open(
      *this, {key, ends, batch_->from(index), door.exit(), door.wildcard()}, batch_->octets(index));
  if (session == nullptr) return nullptr;
  counts_.opened++;
  by_key_.emplace(key, session);
  return session;
}

bool UdpProxy::make_room() {
  UdpSession& oldest = *sessions_.front();
  int64_t now_us = place_.loop.now_us();
  bool idle = now_us >= oldest.touched_us() + limits_.least_silence_us;
  if (now_us >= complained_us_ + kComplainEveryUs) {
    complained_us_ = now_us;
    observe::log(observe::Level::warn, "all {} places for UDP sessions are taken: {}",
                 limits_.sessions, idle ? "the longest silent make room" : "datagrams are dropped");
  }
  if (!idle) {
    counts_.crowded++;
    return false;
  }
  counts_.evicted++;
  oldest.close();
  return true;
}

}  // namespace pylon::stream
