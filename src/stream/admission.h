// Admission: one TCP connection or UDP session as routes, plugins and balancers see it: an exchange
// without a request. It is there until both sides are connected, and until the end of the session
// when a plugin wants to log it. Belongs to one loop.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/exchange_memory.h"
#include "http/server.h"
#include "net/loop.h"
#include "plugin/access_log.h"
#include "plugin/chain.h"
#include "plugin/connection.h"
#include "plugin/worker.h"
#include "snapshot/snapshot.h"
#include "snapshot/versions.h"
#include "stream/dialer.h"
#include "tls/client_context.h"
#include "upstream/balancer.h"

namespace pylon::stream {

// What a worker lends to its sessions.
struct Workplace {
  net::Loop& loop;
  snapshot::Seat& seat;
  plugin::Worker& worker;
  upstream::Balancer& balancer;
  tls::ClientContext& tls;
  Dialer& dialer;
  plugin::AccessLog* access_log;  // of sessions; null: off
};

// $status of a session, as nginx has them.
enum class SessionStatus : uint16_t {
  done = 200,
  refused = 403,   // by a plugin
  failed = 500,    // no route, or no upstream
  unreached = 502  // no node
};

class Admission final : public http::ExchangeMemory {
 public:
  // `transport`: "TCP" or "UDP", static. `name`: that TLS has agreed on; empty: none.
  Admission(const Workplace& place, const http::ConnectionEnds& ends, std::string_view transport,
            std::string_view name);

  // Finds the route and lays out its plugins. False: nobody takes it (it is in the log).
  bool match();
  const snapshot::StreamRoute& route() const { return *route_; }
  const snapshot::Snapshot& snapshot() const { return pin_.snapshot(); }
  // Where to, after preread; null: nowhere (it is in the log).
  const upstream::Upstream* upstream() const;
  // The next node, noted as an attempt; false: none is left.
  bool pick(const upstream::Upstream& upstream, upstream::Tried& tried, upstream::Pick& pick);
  http::Attempt& attempt() { return exchange.upstream.attempts[exchange.upstream.count - 1]; }

  bool wants_log() const {
    return place.access_log != nullptr || chain.has(plugin::Phase::session_log);
  }
  // The last thing that is done with it. `up`, `down`: octets from and to the client.
  void log(SessionStatus status, uint64_t up, uint64_t down);

  const Workplace& place;
  http::ConnectionEnds ends;
  std::string name;  // of the server, lower case
  plugin::Connection connection{exchange, {}, false};
  plugin::ActiveChain chain;

 private:
  snapshot::Pin pin_;
  const snapshot::StreamRoute* route_ = nullptr;
};

}  // namespace pylon::stream
