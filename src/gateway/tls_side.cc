#include "gateway/tls_side.h"

#include <ctime>
#include <string>
#include <utility>

#include "gateway/greeting.h"
#include "observe/log.h"
#include "snapshot/snapshot.h"

namespace pylon::gateway {

class TlsSide::Guest final : public Greeting {
 public:
  Guest(TlsSide& side, tls::ServerContext& context, std::unique_ptr<net::Stream> inner,
        const http::ConnectionEnds& ends, Entry entry)
      : Greeting(side.handshakes_, context, std::move(inner), ends), side_(side), entry_(entry) {}

 private:
  void opened(std::unique_ptr<tls::Stream> stream, const http::ConnectionEnds& ends) override {
    side_.opened_(std::move(stream), ends, entry_);
  }

  TlsSide& side_;
  Entry entry_;
};

namespace {

// What is spoken within TLS is no matter of a stream route.
tls::ServerOptions without_alpn(tls::ServerOptions options) {
  options.alpn.clear();
  return options;
}

}  // namespace

TlsSide::TlsSide(net::Loop& loop, snapshot::Seat& seat, plugin::HttpClient& http,
                 const tls::ServerOptions& options, tls::ServerShare& share,
                 const tls::Handshakes::Limits& limits, Opened opened)
    : loop_(loop),
      seat_(seat),
      http_(http),
      share_(share),
      opened_(std::move(opened)),
      http_context_(tls::ServerContext::make(options, share, *this, this).value()),
      stream_context_(tls::ServerContext::make(without_alpn(options), share, *this, this).value()),
      handshakes_(loop, limits) {}

TlsSide::~TlsSide() = default;

void TlsSide::accept(std::unique_ptr<net::Stream> stream, const http::ConnectionEnds& ends,
                     Entry entry) {
  tls::ServerContext& context = entry.way == Way::stream_tls ? *stream_context_ : *http_context_;
  auto* guest = new Guest(*this, context, std::move(stream), ends, entry);  // owns itself
  if (entry.announced) guest->look();
}

const tls::ServerIdentity* TlsSide::find(std::string_view name) const {
  return seat_.serves() ? seat_.snapshot().certificates.server(name) : nullptr;
}

// ---- staples

void TlsSide::fetch(tls::StapleOrder order) {
  if (fetches_.size() >= kMostFetches) return;  // a later handshake asks again
  Fetch& fetch = fetches_.emplace_back(Fetch{*this, std::move(order), {}});
  loop_.post([this, &fetch] {  // not from within the handshake
    fetch.task = ask(fetch);
    fetch.task.start(&TlsSide::fetched, &fetch);
  });
}

async::Task<void> TlsSide::ask(Fetch& fetch) {
  Arena arena;
  plugin::ClientRequest request(arena);
  const tls::StapleQuestion& question = fetch.order.question;
  request.method = "POST";
  request.https = question.https;
  request.host = question.host;
  request.port = question.port;
  request.target = question.target;
  request.fields.add("Content-Type", "application/ocsp-request");
  request.body = question.body;
  request.timeout_ms = 10'000;
  request.keepalive = false;
  request.max_body_bytes = 64 << 10;
  plugin::ClientResult answer = co_await http_.send(request);
  take(fetch.order, answer);
}

void TlsSide::take(const tls::StapleOrder& order, const plugin::ClientResult& answer) {
  auto complain = [&](std::string_view why, std::string_view detail) {
    observe::log(observe::Level::error, "ssl {}: no ocsp response send: {}{}", order.of, why,
                 detail);
  };
  if (!answer) return complain("ocsp responder query failed: ", answer.error().text);
  if (answer->status != 200) {
    return complain("ocsp responder returns bad http status code: ",
                    std::to_string(answer->status));
  }
  if (answer->body.empty()) return complain("ocsp responder returns empty body", "");
  Result<tls::Staple> staple = tls::judge_staple(answer->body, order.certificate.get(),
                                                 order.chain.get(), order.stapling.verify);
  if (!staple) return complain(staple.error().message, "");
  int64_t now_s = std::time(nullptr);
  share_.staples.keep(order.key, std::move(*staple), order.stapling.ttl_s, now_s);
}

void TlsSide::fetched(void* self) {
  auto& fetch = *static_cast<Fetch*>(self);
  TlsSide& side = fetch.side;
  side.loop_.post([&side, &fetch] {
    side.fetches_.remove_if([&](const Fetch& each) { return &each == &fetch; });
  });
}

}  // namespace pylon::gateway
