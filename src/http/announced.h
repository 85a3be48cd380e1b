// Announced: what a load balancer in front said with the PROXY protocol about a connection that it
// passes on. Lives as long as the connection; belongs to one worker.
#pragma once

#include <cstdint>

#include "base/ref.h"
#include "http/exchange.h"

namespace pylon::http {

struct Announced final : RefCounted {
  IpAddress client, server;  // $proxy_protocol_addr, $proxy_protocol_server_addr
  uint16_t client_port = 0;
  uint16_t server_port = 0;
  // Who said so, without its text; the connection's client is the announced one when it is
  // believed.
  Peer socket;
};

}  // namespace pylon::http
