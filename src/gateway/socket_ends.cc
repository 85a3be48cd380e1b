#include "gateway/socket_ends.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

namespace pylon::gateway {
namespace {

struct Place {
  IpAddress address;
  uint16_t port = 0;
};

// IPv4-mapped addresses become IPv4. Unix sockets have neither address nor port.
Place place_of(const sockaddr_storage& from) {
  if (from.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(from);
    return {IpAddress::v4_bytes(reinterpret_cast<const uint8_t*>(&v4.sin_addr)),
            ntohs(v4.sin_port)};
  }
  if (from.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(from);
    return {IpAddress::v6_bytes(v6.sin6_addr.s6_addr).unmapped(), ntohs(v6.sin6_port)};
  }
  return {};
}

Place near_place_of(int fd) {
  sockaddr_storage near{};
  socklen_t size = sizeof near;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&near), &size) != 0) return {};
  return place_of(near);
}

}  // namespace

NearEnd::NearEnd(int listening_fd) {
  Place place = near_place_of(listening_fd);
  address_ = place.address;
  port_ = place.port;
  const auto& bytes = address_.bytes();
  size_t first = address_.is_v4() ? 12 : 0;
  wildcard_ = std::all_of(bytes.begin() + first, bytes.end(), [](uint8_t b) { return b == 0; });
}

http::ConnectionEnds NearEnd::ends_of(int fd, const sockaddr_storage& peer) const {
  http::ConnectionEnds ends;
  Place client = place_of(peer);
  ends.set_client(client.address, client.port);
  ends.server = wildcard_ ? near_place_of(fd).address : address_;
  ends.server_port = port_;
  return ends;
}

}  // namespace pylon::gateway
