// ApiEndpoint: a small HTTP server on the control thread: Admin API, Control API, status, metrics.
#pragma once

#include <memory>
#include <vector>

#include "http/api_server.h"
#include "http/h1/server_connection.h"
#include "net/loop.h"

namespace pylon::gateway {

class ApiEndpoint {
 public:
  static constexpr size_t kMaxConnections = 1024;

  ApiEndpoint(net::Loop& loop, http::ApiHandler handler, size_t body_limit);
  ~ApiEndpoint();

  // The socket stays the caller's.
  void listen(int fd);
  // Accepts no more; connections under way go on.
  void stop_listening();
  void close_all() { connections_.close_all(); }
  bool idle() const { return connections_.busy.empty(); }

 private:
  class Door;

  net::Loop& loop_;
  http::ServerLimits limits_;
  http::ApiService service_;
  http::h1::ServerConnections connections_;
  std::vector<std::unique_ptr<Door>> doors_;
};

}  // namespace pylon::gateway
