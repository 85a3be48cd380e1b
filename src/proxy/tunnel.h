// A tunnel: both directions as plain octets, until both have ended. An end is passed on by itself.
#pragma once

#include <cstdint>

#include "async/task.h"
#include "http/downstream.h"
#include "http/upstream_side.h"
#include "net/loop.h"

namespace pylon::proxy {

// After the client's answer has been started (101, or 200 to CONNECT). Ends also when nothing has
// moved for `idle_timeout_us`.
async::Task<void> run_tunnel(net::Loop& loop, http::Downstream& client, http::UpstreamSide& node,
                             int64_t idle_timeout_us);

}  // namespace pylon::proxy
