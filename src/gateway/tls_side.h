// TlsSide: how one worker serves TLS: it takes accepted connections through their handshakes, with
// the certificates of the worker's snapshot, and gives them on. HTTP and stream routes share it, so
// that there is one bound on what handshakes may hold. Belongs to the worker's loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string_view>

#include "async/task.h"
#include "gateway/entry.h"
#include "http/server.h"
#include "plugin/http_client.h"
#include "snapshot/versions.h"
#include "tls/handshake.h"
#include "tls/server_context.h"

namespace pylon::gateway {

class TlsSide final : private tls::IdentitySource, private tls::StapleFetcher {
 public:
  // A connection is ready; `ends.tls` tells what was agreed.
  using Opened =
      std::function<void(std::unique_ptr<tls::Stream>, const http::ConnectionEnds&, Entry)>;

  static constexpr size_t kMostFetches = 8;  // of staples, at once

  TlsSide(net::Loop& loop, snapshot::Seat& seat, plugin::HttpClient& http,
          const tls::ServerOptions& options, tls::ServerShare& share,
          const tls::Handshakes::Limits& limits, Opened opened);
  ~TlsSide() override;

  void accept(std::unique_ptr<net::Stream> stream, const http::ConnectionEnds& ends, Entry entry);

  size_t handshakes() const { return handshakes_.size(); }
  void close_handshakes() { handshakes_.close_all(); }
  void close_silent() { handshakes_.close_silent(); }  // those from which nothing has come

  // ssl objects whose certificates are parsed now, and those that made room for others so far.
  size_t certificates() const {
    return http_context_->credentials().size() + stream_context_->credentials().size();
  }
  uint64_t certificates_evicted() const {
    return http_context_->credentials().evicted() + stream_context_->credentials().evicted();
  }

 private:
  class Guest;
  // A staple on its way.
  struct Fetch {
    TlsSide& side;
    tls::StapleOrder order;
    async::Task<void> task;
  };

  const tls::ServerIdentity* find(std::string_view name) const override;
  void fetch(tls::StapleOrder order) override;
  async::Task<void> ask(Fetch& fetch);
  void take(const tls::StapleOrder& order, const plugin::ClientResult& answer);
  static void fetched(void* fetch);

  net::Loop& loop_;
  snapshot::Seat& seat_;
  plugin::HttpClient& http_;
  tls::ServerShare& share_;
  Opened opened_;
  std::unique_ptr<tls::ServerContext> http_context_;
  std::unique_ptr<tls::ServerContext> stream_context_;
  tls::Handshakes handshakes_;
  std::list<Fetch> fetches_;
};

}  // namespace pylon::gateway
