// WorkerHttpClient: the HTTP client that a worker lends to its plugins (forward-auth and the like).
//
// Connections are kept per service, few and bounded. A request on a kept connection that the peer
// closed before answering is sent once more on a fresh one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/intrusive_list.h"
#include "http/h1/client_connection.h"
#include "net/loop.h"
#include "plugin/http_client.h"
#include "tls/client_context.h"
#include "upstream/pool.h"
#include "upstream/resolver.h"

namespace pylon::proxy {

class WorkerHttpClient final : public plugin::HttpClient {
 public:
  static constexpr size_t kServices = 64;  // with kept connections; the oldest goes first

  WorkerHttpClient(net::Loop& loop, upstream::Resolver& resolver, tls::ClientContext& tls)
      : loop_(loop), resolver_(resolver), tls_(tls) {}
  ~WorkerHttpClient() override;

  async::Task<plugin::ClientResult> send(const plugin::ClientRequest& request) override;

 private:
  using Failure = plugin::ClientFailure;

  struct Service {
    std::string host;
    uint16_t port;
    bool https;
    bool verified;
    IntrusiveList<http::h1::ClientConnection> idle;
  };
  // One request under way.
  struct Call {
    const plugin::ClientRequest& request;
    net::Waker waker;
    int64_t deadline_us;
    uint16_t port;
    upstream::ConnectionLease connection;
    Failure failure;
    bool reused = false;

    Call(net::Loop& loop, const plugin::ClientRequest& from);
  };

  async::Task<bool> connect(Call& call, bool fresh);
  async::Task<bool> exchange(Call& call, plugin::ClientResponse& response);
  async::Task<bool> read_body(Call& call, plugin::ClientResponse& response);
  bool write(Call& call);
  bool fail(Call& call, Failure::Kind kind, std::string_view text);
  void keep(Call& call);
  std::unique_ptr<net::Stream> open(const Call& call, const IpAddress& address);
  Service& service_of(const Call& call);
  static void dropped(void*, http::h1::ClientConnection& connection) { connection.end(); }

  net::Loop& loop_;
  upstream::Resolver& resolver_;
  tls::ClientContext& tls_;
  std::vector<std::unique_ptr<Service>> services_;
};

}  // namespace pylon::proxy
