// ApiTls: how one of the gateway's own servers speaks TLS: with one certificate, whatever name the
// client asks for. Belongs to the control thread's loop.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "gateway/settings.h"
#include "tls/handshake.h"
#include "tls/server_context.h"

namespace pylon::gateway {

class ApiTls final : private tls::IdentitySource {
 public:
  // Of the Admin API; null when it is served without TLS. An error names the key and the file.
  static Result<std::unique_ptr<ApiTls>> of_admin(net::Loop& loop, const Settings& settings);

  // Of every handshake.
  tls::ServerContext& context() { return *context_; }
  tls::Handshakes& handshakes() { return handshakes_; }
  // Whether clients must show a certificate. The handshake takes any: requests are to be refused.
  bool demands_certificates() const { return identity_->client != nullptr; }

 private:
  ApiTls(net::Loop& loop, Ref<tls::ServerIdentity> identity)
      : identity_(std::move(identity)),
        handshakes_(loop, {.under_way = 64,
                           .timeout_us = 10'000'000,
                           .patience_us = kPatienceUs,
                           .short_patience_us = kPatienceUs}) {}
  const tls::ServerIdentity* find(std::string_view) const override { return identity_.get(); }

  // For how long a client may keep an administrator waiting: there are few who have business here.
  static constexpr int64_t kPatienceUs = 250'000;

  Ref<tls::ServerIdentity> identity_;
  tls::ServerShare share_;  // not that of the workers: sessions do not cross over
  std::unique_ptr<tls::ServerContext> context_;
  tls::Handshakes handshakes_;
};

}  // namespace pylon::gateway
