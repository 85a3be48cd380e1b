// Entry: what is spoken on a connection, by the listening socket that it came to.
#pragma once

#include <cstdint>

namespace pylon::gateway {

enum class Way : uint8_t { http, https, stream, stream_tls };

struct Entry {
  Way way = Way::http;
  bool announced = false;  // it begins with the PROXY protocol
  bool announces = false;  // so does our connection to its upstream
};

}  // namespace pylon::gateway
