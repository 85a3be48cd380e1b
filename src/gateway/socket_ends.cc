#include "gateway/socket_ends.h"

#include <algorithm>

#include "net/socket_address.h"

namespace pylon::gateway {
namespace {

net::Place near_place_of(int fd) {
  sockaddr_storage near{};
  socklen_t size = sizeof near;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&near), &size) != 0) return {};
  return net::place_of(near);
}

}  // namespace

NearEnd::NearEnd(int listening_fd) {
  net::Place place = near_place_of(listening_fd);
  address_ = place.address;
  port_ = place.port;
  const auto& bytes = address_.bytes();
  size_t first = address_.is_v4() ? 12 : 0;
  wildcard_ = std::all_of(bytes.begin() + first, bytes.end(), [](uint8_t b) { return b == 0; });
}

http::ConnectionEnds NearEnd::ends_of(int fd, const sockaddr_storage& peer) const {
  http::ConnectionEnds ends;
  net::Place client = net::place_of(peer);
  ends.set_client(client.address, client.port);
  ends.server = wildcard_ ? near_place_of(fd).address : address_;
  ends.server_port = port_;
  return ends;
}

}  // namespace pylon::gateway
