#include "net/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

namespace pylon::net {

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

}  // namespace pylon::net
