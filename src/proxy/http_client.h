// WorkerHttpClient: the HTTP client that a worker lends to its plugins (forward-auth and the like).
//
// Connections are kept per service, few and bounded. A request on a kept connection that the peer
// closed before answering is sent once more on a fresh one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/intrusive_list.h"
#include "http/h1/client_call.h"
#include "net/loop.h"
#include "plugin/http_client.h"
#include "tls/client_context.h"
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
  struct Call : http::h1::ClientCall {
    const plugin::ClientRequest& request;
    int64_t deadline_us;
    uint16_t port;
    Failure failure;
    bool reused = false;

    Call(net::Loop& loop, const plugin::ClientRequest& from);
    bool fail(Failure::Kind kind, std::string_view text);
    bool fail();  // with the exchange's own trouble
  };

  async::Task<bool> connect(Call& call, bool fresh);
  static async::Task<bool> exchange(Call& call, plugin::ClientResponse& response);
  static async::Task<bool> read_body(Call& call, plugin::ClientResponse& response);
  static bool write(Call& call);
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
