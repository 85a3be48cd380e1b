// Greeting: a client's connection in its TLS handshake; deletes itself at the end of a turn.
#pragma once

#include <memory>
#include <utility>

#include "http/server.h"
#include "tls/handshake.h"

namespace pylon::gateway {

class Greeting : public tls::Handshake {
 protected:
  // Both must outlive it.
  Greeting(tls::Handshakes& all, tls::ServerContext& context, std::unique_ptr<net::Stream> inner,
           const http::ConnectionEnds& ends)
      : Handshake(all, context, std::move(inner)), ends_(ends) {}

  // The connection is ready; `ends.tls` tells what was agreed.
  virtual void opened(std::unique_ptr<tls::Stream> stream, const http::ConnectionEnds& ends) = 0;

 private:
  void established(std::unique_ptr<tls::Stream> stream) final;
  void failed(const tls::Stream* stream) final;

  http::ConnectionEnds ends_;
};

}  // namespace pylon::gateway
