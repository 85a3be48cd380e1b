#include "gateway/socket_ends.h"

#include <arpa/inet.h>
#include <netinet/in.h>

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

}  // namespace

http::ConnectionEnds ends_of(int fd, const sockaddr_storage& peer) {
  http::ConnectionEnds ends;
  Place client = place_of(peer);
  ends.set_client(client.address, client.port);
  sockaddr_storage near{};
  socklen_t size = sizeof near;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&near), &size) == 0) {
    Place server = place_of(near);
    ends.server = server.address;
    ends.server_port = server.port;
  }
  return ends;
}

}  // namespace pylon::gateway
