// The two ends of an accepted connection, as the HTTP layer wants them.
#pragma once

#include <sys/socket.h>

#include "http/server.h"

namespace pylon::gateway {

// `peer` as accept() gave it; the near end is asked from the socket.
http::ConnectionEnds ends_of(int fd, const sockaddr_storage& peer);

}  // namespace pylon::gateway
