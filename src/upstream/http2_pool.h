// Http2Pool: the HTTP/2 connections of one worker to upstream nodes, each shared by many exchanges.
#pragma once

#include <memory>
#include <vector>

#include "base/intrusive_list.h"
#include "http/h2/client_connection.h"
#include "upstream/endpoint.h"
#include "upstream/pool.h"
#include "upstream/upstream.h"

namespace pylon::upstream {

class Http2Pool {
 public:
  Http2Pool(net::Loop& loop, tls::ClientContext& tls, const http::h2::PingTerms& pings)
      : loop_(loop), tls_(tls), shared_{.nuisances = {}, .windows = {}, .pings = pings} {}
  ~Http2Pool();
  Http2Pool(const Http2Pool&) = delete;
  Http2Pool& operator=(const Http2Pool&) = delete;

  // A stream for one exchange, on a connection that has room, or on a new one when there is none or
  // `fresh` is asked for. `reused`: the connection was used before. Null with errno set when there
  // is no descriptor.
  http::h2::ClientStream* open(const Endpoint& endpoint, const Session& session,
                               const Keepalive& keepalive, bool fresh, bool& reused);

  const http::h2::NuisanceCounts& nuisances() const { return shared_.nuisances; }

 private:
  using List = IntrusiveList<http::h2::ClientConnection>;
  List& list_of(EndpointId id);

  net::Loop& loop_;
  tls::ClientContext& tls_;
  http::h2::ClientConnection::Shared shared_;
  std::vector<std::unique_ptr<List>> lists_;  // by EndpointId
};

}  // namespace pylon::upstream
