// ApiService: serves an ApiHandler over HTTP: Admin API, Control API, metrics.
//
// Bodies are buffered up to a limit; the handler sees whole messages and answers with one, of which
// the rest may be made while it is sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "http/api.h"
#include "http/server.h"
#include "net/loop.h"

namespace pylon::http {

class ApiService final : public Service {
 public:
  // A larger body reaches the handler as `body_too_large`.
  ApiService(net::Loop& loop, ApiHandler handler, size_t body_limit)
      : loop_(loop), handler_(std::move(handler)), body_limit_(body_limit) {}

  async::Task<void> serve(Exchange& exchange) override;
  bool draining() const override { return draining_; }

  // From now on requests are refused unless the client has shown a certificate that is trusted.
  void demand_certificates() { certificates_ = true; }
  // Whether answers end their connections.
  void set_draining(bool draining) { draining_ = draining; }
  size_t under_way() const { return under_way_; }  // requests whose answer is not made yet

 private:
  class UnderWay;
  static constexpr int64_t kPatienceUs = 60'000'000;  // with a client that reads nothing

  async::Task<void> send_rest(Downstream& client, ApiPieces& pieces);
  async::Task<bool> await_room(Downstream& client);

  net::Loop& loop_;
  size_t under_way_ = 0;
  bool draining_ = false;
  bool certificates_ = false;
  ApiHandler handler_;
  size_t body_limit_;
};

}  // namespace pylon::http
