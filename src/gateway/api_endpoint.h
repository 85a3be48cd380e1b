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
  // Accepts no more; what is asked on the open connections is answered and ends them. listen()
  // takes it back.
  void retire();
  // Nobody waits for an answer, or is about to ask for the first time.
  bool settled() const { return service_.under_way() == 0 && connections_.fresh() == 0; }
  void close_idle() { connections_.shed_idle(connections_.idle.size()); }

 private:
  class Door;

  void shut_doors();

  net::Loop& loop_;
  http::ServerLimits limits_;
  http::ApiService service_;
  http::h1::ServerConnections connections_;
  std::vector<std::unique_ptr<Door>> doors_;
};

}  // namespace pylon::gateway
