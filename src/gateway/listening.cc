#include "gateway/listening.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>

#include "base/socket_address.h"
#include "observe/log.h"

namespace pylon::gateway {
namespace {

constexpr int kBacklog = 4096;

std::string advice(int error) {
  switch (error) {
    case EADDRINUSE:
      return "another program has the address: stop it or configure another port";
    case EACCES:
      return "ports below 1024 need root or the capability CAP_NET_BIND_SERVICE";
    case EADDRNOTAVAIL:
      return "no network interface has this address";
    case EAFNOSUPPORT:
      return "the system has no IPv6: set apisix.enable_ipv6: false";
    default:
      return strerror(error);
  }
}

tl::unexpected<Error> cannot_listen(const ListenAddress& address, int error) {
  return fail(fmt::format("cannot listen on {}: {}", address.text(), advice(error)));
}

// Whether the gateway starts without it.
bool may_be_left_out(const ListenAddress& address, int error) {
  bool without_ipv6 = error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
  if (address.if_possible && without_ipv6) return true;
  if (!address.unasked || error != EADDRINUSE) return false;
  observe::log(observe::Level::warn, "{} is taken by another program: no TLS there",
               address.text());
  return true;
}

// An errno, or 0 and a listening socket.
int listen_on(const ListenAddress& address, Fd& out) {
  std::optional<IpAddress> ip = IpAddress::parse(address.ip);
  if (!ip) return EINVAL;
  SocketAddress to(*ip, address.port);
  int kind = address.udp ? SOCK_DGRAM : SOCK_STREAM;
  Fd fd(socket(to.family(), kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  auto set = [&fd](int level, int option) {
    int on = 1;
    return setsockopt(fd.get(), level, option, &on, sizeof on) == 0;
  };
  bool v6 = to.family() == AF_INET6;
  bool listens =
      fd.is_open() && set(SOL_SOCKET, address.udp ? SO_REUSEPORT : SO_REUSEADDR) &&
      (address.udp || set(IPPROTO_TCP, TCP_NODELAY)) && (!v6 || set(IPPROTO_IPV6, IPV6_V6ONLY)) &&
      bind(fd.get(), to.get(), to.size()) == 0 && (address.udp || listen(fd.get(), kBacklog) == 0);
  int error = listens ? 0 : errno;
  if (listens) out = std::move(fd);
  return error;
}

}  // namespace

Entry entry_of(const InheritedSocket& socket, Way way,
               const std::vector<ListenAddress>& configured) {
  for (const ListenAddress& address : configured) {
    if (address.text() != socket.address) continue;
    return {way, address.announced.value_or(false), address.announces.value_or(false)};
  }
  return {way};
}

std::vector<int> datagram_sockets(const InheritedSockets& inherited, unsigned share) {
  std::vector<int> sockets;
  std::map<std::string_view, unsigned> seen;  // how many of the address
  for (const InheritedSocket* socket : inherited.of_kind(SocketKind::stream_udp)) {
    if (seen[socket->address]++ == share) sockets.push_back(socket->fd.get());
  }
  return sockets;
}

std::vector<WantedSocket> wanted_sockets(const Settings& settings) {
  std::vector<WantedSocket> wanted;
  auto want = [&](SocketKind kind, const std::vector<ListenAddress>& addresses) {
    for (const ListenAddress& address : addresses) wanted.push_back({kind, address});
  };
  bool proxies = settings.store.role != Role::control_plane;
  if (proxies && settings.proxy.mode != ProxyMode::stream) {
    want(SocketKind::proxy, settings.proxy.listen);
    if (settings.ssl.enabled) want(SocketKind::tls, settings.ssl.listen);
  }
  if (proxies && settings.proxy.mode != ProxyMode::http) {
    want(SocketKind::stream, settings.stream.tcp);
    want(SocketKind::stream_tls, settings.stream.tls);
    for (unsigned share = 0; share < settings.worker_count(); share++) {
      for (const ListenAddress& address : settings.stream.udp) {
        wanted.push_back({SocketKind::stream_udp, address, share});
      }
    }
  }
  if (settings.admin.enabled) wanted.push_back({SocketKind::admin, settings.admin.listen});
  if (settings.control.enabled) wanted.push_back({SocketKind::control, settings.control.listen});
  if (settings.status.enabled) wanted.push_back({SocketKind::status, settings.status.listen});
  const auto& plugins = settings.plugins;
  bool prometheus = std::find(plugins.begin(), plugins.end(), "prometheus") != plugins.end();
  if (settings.metrics.enabled && prometheus) {
    wanted.push_back({SocketKind::metrics, settings.metrics.listen});
  }
  return wanted;
}

Result<Fd> open_listener(const ListenAddress& address) {
  Fd fd;
  if (int error = listen_on(address, fd); error != 0) return cannot_listen(address, error);
  return fd;
}

int ListeningSockets::fd_of(const ListenAddress& address, unsigned share) const {
  for (const Socket& socket : sockets_) {
    if (socket.address == address && socket.share == share) return socket.fd.get();
  }
  return -1;
}

Result<void> ListeningSockets::add(const std::vector<WantedSocket>& wanted) {
  std::vector<Socket> added;
  for (const WantedSocket& each : wanted) {
    if (fd_of(each.address, each.share) >= 0) continue;
    Fd fd;
    int error = listen_on(each.address, fd);
    if (error == 0) {
      added.push_back({each.address, each.share, std::move(fd)});
    } else if (!may_be_left_out(each.address, error)) {
      return cannot_listen(each.address, error);
    }
  }
  std::move(added.begin(), added.end(), std::back_inserter(sockets_));
  return {};
}

void ListeningSockets::keep_only(const std::vector<WantedSocket>& wanted) {
  std::erase_if(sockets_, [&](const Socket& socket) {
    auto same = [&](const WantedSocket& each) {
      return each.address == socket.address && each.share == socket.share;
    };
    return std::none_of(wanted.begin(), wanted.end(), same);
  });
}

}  // namespace pylon::gateway
