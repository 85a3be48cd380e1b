// Connection: one TCP connection before any of its bytes are read; what preread looks at.
#pragma once

#include <cstdint>

#include "base/arena.h"
#include "base/ip.h"
#include "http/exchange.h"

namespace pylon::plugin {

struct Connection {
  Arena& arena;
  http::Peer client;
  IpAddress server_address;
  uint16_t server_port = 0;
};

}  // namespace pylon::plugin
