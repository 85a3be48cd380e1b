#include "gateway/tls_side.h"

#include <utility>

#include "observe/log.h"
#include "snapshot/snapshot.h"

namespace pylon::gateway {

// One connection in its handshake.
class TlsSide::Greeting final : public tls::Handshake {
 public:
  Greeting(TlsSide& side, tls::ServerContext& context, std::unique_ptr<net::Stream> inner,
           const http::ConnectionEnds& ends, Entry entry)
      : Handshake(side.handshakes_, context, std::move(inner)),
        side_(side),
        ends_(ends),
        entry_(entry) {}

 private:
  void established(std::unique_ptr<tls::Stream> stream) override {
    ends_.tls = stream.get();
    side_.opened_(std::move(stream), ends_, entry_);
  }
  void failed(const tls::Stream* stream) override {
    if (stream == nullptr || stream->failure().empty()) return;
    if (stream->failure() == "callback failed") return;  // ours: the log has it already
    observe::log(observe::Level::info, "client {}: TLS handshake: {}", ends_.client_name(),
                 stream->failure());
  }

  TlsSide& side_;
  http::ConnectionEnds ends_;
  Entry entry_;
};

namespace {

// What is spoken within TLS is no matter of a stream route.
tls::ServerOptions without_alpn(tls::ServerOptions options) {
  options.alpn.clear();
  return options;
}

}  // namespace

TlsSide::TlsSide(net::Loop& loop, snapshot::Seat& seat, const tls::ServerOptions& options,
                 tls::SessionStore& sessions, const tls::Handshakes::Limits& limits, Opened opened)
    : seat_(seat),
      opened_(std::move(opened)),
      http_context_(tls::ServerContext::make(options, sessions, *this).value()),
      stream_context_(tls::ServerContext::make(without_alpn(options), sessions, *this).value()),
      handshakes_(loop, limits) {}

TlsSide::~TlsSide() = default;

void TlsSide::accept(std::unique_ptr<net::Stream> stream, const http::ConnectionEnds& ends,
                     Entry entry) {
  tls::ServerContext& context = entry.way == Way::stream_tls ? *stream_context_ : *http_context_;
  auto* greeting = new Greeting(*this, context, std::move(stream), ends, entry);  // owns itself
  if (entry.announced) greeting->look();
}

const tls::ServerIdentity* TlsSide::find(std::string_view name) const {
  return seat_.serves() ? seat_.snapshot().certificates.server(name) : nullptr;
}

}  // namespace pylon::gateway
