#include "gateway/tls_side.h"

#include <utility>

#include "observe/log.h"
#include "snapshot/snapshot.h"

namespace pylon::gateway {

// One connection in its handshake.
class TlsSide::Greeting final : public tls::Handshake {
 public:
  Greeting(TlsSide& side, std::unique_ptr<net::Stream> inner, const http::ConnectionEnds& ends)
      : Handshake(side.handshakes_, std::move(inner)), side_(side), ends_(ends) {}

 private:
  void established(std::unique_ptr<tls::Stream> stream) override {
    ends_.tls = stream.get();
    side_.opened_(std::move(stream), ends_);
  }
  void failed(const tls::Stream* stream) override {
    if (stream == nullptr || stream->failure().empty()) return;
    if (stream->failure() == "callback failed") return;  // ours: the log has it already
    observe::log(observe::Level::info, "client {}: TLS handshake: {}", ends_.client_name(),
                 stream->failure());
  }

  TlsSide& side_;
  http::ConnectionEnds ends_;
};

TlsSide::TlsSide(net::Loop& loop, snapshot::Seat& seat, const tls::ServerOptions& options,
                 tls::SessionStore& sessions, const tls::Handshakes::Limits& limits, Opened opened)
    : seat_(seat),
      opened_(std::move(opened)),
      context_(tls::ServerContext::make(options, sessions, *this).value()),
      handshakes_(loop, *context_, limits) {}

TlsSide::~TlsSide() = default;

void TlsSide::accept(std::unique_ptr<net::Stream> stream, const http::ConnectionEnds& ends) {
  new Greeting(*this, std::move(stream), ends);  // owns itself
}

const tls::ServerIdentity* TlsSide::find(std::string_view name) const {
  return seat_.serves() ? seat_.snapshot().certificates.server(name) : nullptr;
}

}  // namespace pylon::gateway
