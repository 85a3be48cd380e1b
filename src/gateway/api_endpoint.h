// ApiEndpoint: a small HTTP server on the control thread: Admin API, Control API, status, metrics.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "gateway/api_tls.h"
#include "http/api_server.h"
#include "http/h1/server_connection.h"
#include "net/loop.h"

namespace pylon::gateway {

class ApiEndpoint {
 public:
  static constexpr size_t kMaxConnections = 1024;

  // `tls`: null: plain.
  ApiEndpoint(net::Loop& loop, http::ApiHandler handler, size_t body_limit,
              std::unique_ptr<ApiTls> tls = nullptr);
  ~ApiEndpoint();

  // The socket stays the caller's.
  void listen(int fd);
  // Accepts no more; what is asked on the open connections is answered and ends them. listen()
  // takes it back.
  void retire();
  // All answers are made, though they may not have left yet.
  bool answered() const { return service_.under_way() == 0; }
  // And nobody is about to ask for the first time.
  bool settled() const { return answered() && connections_.fresh() == 0 && handshakes() == 0; }
  void close_unused();
  // Retired, and everybody has taken the answer and left.
  bool deserted() const {
    return connections_.idle.empty() && connections_.busy.empty() && handshakes() == 0;
  }

 private:
  class Door;
  class Guest;

  void take(std::unique_ptr<net::Stream> stream, const http::ConnectionEnds& ends);
  size_t handshakes() const { return tls_ != nullptr ? tls_->handshakes().size() : 0; }
  bool shed_handshake();  // makes room for a newcomer
  void shut_doors();

  net::Loop& loop_;
  http::ServerLimits limits_;
  http::ApiService service_;
  std::unique_ptr<ApiTls> tls_;
  http::h1::ServerConnections connections_;
  std::vector<std::unique_ptr<Door>> doors_;
};

}  // namespace pylon::gateway
