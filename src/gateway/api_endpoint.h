// ApiEndpoint: a small HTTP server on the control thread: Admin API, Control API, status, metrics.
#pragma once

#include <memory>
#include <vector>

#include "http/api_server.h"
#include "http/h1/server_connection.h"
#include "net/listener.h"
#include "net/loop.h"

namespace pylon::gateway {

class ApiEndpoint final : public net::Listener::Acceptor {
 public:
  static constexpr size_t kMaxConnections = 1024;

  ApiEndpoint(net::Loop& loop, http::ApiHandler handler, size_t body_limit);
  ~ApiEndpoint();

  // The socket stays the caller's.
  void listen(int fd);
  // Accepts no more; connections under way go on.
  void stop_listening() { listeners_.clear(); }
  void close_all() { connections_.close_all(); }
  bool idle() const { return connections_.busy.empty(); }

 private:
  void on_accept(int fd, const sockaddr_storage& peer) override;
  bool may_accept() override;
  void on_exhausted() override { connections_.shed_idle(1); }

  net::Loop& loop_;
  http::ServerLimits limits_;
  http::ApiService service_;
  http::h1::ServerConnections connections_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
};

}  // namespace pylon::gateway
