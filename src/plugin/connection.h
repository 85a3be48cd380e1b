// Connection: a TCP connection or UDP session before it is connected to a node; what preread looks
// at.
#pragma once

#include <string_view>

#include "http/exchange.h"

namespace pylon::plugin {

struct Connection {
  // Holds what is known: both ends, route, worker, arena. There is no request in it.
  http::Exchange& exchange;
  std::string_view octets;  // what the client has sent so far; nothing is asked for unless a
                            // plugin answers wait_for_octets()
  bool complete = false;    // no more of them will come: the end, the limit, or one datagram
};

}  // namespace pylon::plugin
