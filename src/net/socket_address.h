// Addresses as the kernel gives them; base/socket_address.h is the other way.
#pragma once

#include <sys/socket.h>

#include <cstdint>

#include "base/ip.h"

namespace pylon::net {

struct Place {
  IpAddress address;
  uint16_t port = 0;
};

// IPv4-mapped addresses become IPv4. Unix sockets have neither address nor port.
Place place_of(const sockaddr_storage& from);

}  // namespace pylon::net
