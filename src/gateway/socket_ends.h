// The two ends of an accepted connection, as the HTTP layer wants them.
//
// The near end is that of the listening socket; only where that is a wildcard address is the kernel
// asked for each connection.
#pragma once

#include <sys/socket.h>

#include <cstdint>

#include "http/server.h"

namespace pylon::gateway {

class NearEnd {
 public:
  explicit NearEnd(int listening_fd);
  // Of a connection that was accepted there; `peer` as accept() gave it.
  http::ConnectionEnds ends_of(int fd, const sockaddr_storage& peer) const;

 private:
  IpAddress address_;
  uint16_t port_ = 0;
  bool wildcard_ = true;
};

}  // namespace pylon::gateway
