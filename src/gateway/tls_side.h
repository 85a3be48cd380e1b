// TlsSide: how one worker serves TLS: it takes accepted connections through their handshakes, with
// the certificates of the worker's snapshot, and gives them on. HTTP and stream routes share it, so
// that there is one bound on what handshakes may hold. Belongs to the worker's loop.
#pragma once

#include <functional>
#include <memory>

#include "gateway/entry.h"
#include "http/server.h"
#include "snapshot/versions.h"
#include "tls/handshake.h"
#include "tls/server_context.h"

namespace pylon::gateway {

class TlsSide final : private tls::IdentitySource {
 public:
  // A connection is ready; `ends.tls` tells what was agreed.
  using Opened =
      std::function<void(std::unique_ptr<tls::Stream>, const http::ConnectionEnds&, Entry)>;

  TlsSide(net::Loop& loop, snapshot::Seat& seat, const tls::ServerOptions& options,
          tls::SessionStore& sessions, const tls::Handshakes::Limits& limits, Opened opened);
  ~TlsSide() override;

  void accept(std::unique_ptr<net::Stream> stream, const http::ConnectionEnds& ends, Entry entry);

  size_t handshakes() const { return handshakes_.size(); }
  void close_handshakes() { handshakes_.close_all(); }

 private:
  class Greeting;

  const tls::ServerIdentity* find(std::string_view name) const override;

  snapshot::Seat& seat_;
  Opened opened_;
  std::unique_ptr<tls::ServerContext> http_context_;
  std::unique_ptr<tls::ServerContext> stream_context_;
  tls::Handshakes handshakes_;
};

}  // namespace pylon::gateway
