// TcpProxy: connections that are matched with stream routes and relayed as octets. One per worker.
//
//   accept -> (TLS, or the name in a ClientHello that is passed through) -> match stream route
//     -> preread -> pick node -> connect -> (PROXY header) -> (TLS) -> relay both ways
//
// A session has a coroutine until both sides are connected, and none while it relays. What it does
// not pass on it does not read: a slow side holds the other back. An end of one side is passed on,
// and the session is over when both have ended. Source: APISIX docs "stream proxy"; nginx's stream
// module for the time limits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/intrusive_list.h"
#include "http/server.h"
#include "net/stream.h"
#include "stream/admission.h"
#include "stream/presence.h"

namespace pylon::stream {

class TcpSession;

struct TcpLimits {
  size_t preread_bytes = 16 << 10;          // that plugins may look at
  int64_t preread_timeout_us = 30'000'000;  // for all of them to come
  int64_t name_timeout_us = 5'000'000;      // then a client that said nothing asks for no name
  int64_t idle_timeout_us = 600'000'000;    // unless the upstream says otherwise
};

struct TcpCounts {
  uint64_t accepted = 0;
  uint64_t unmatched = 0;  // no route took it
  uint64_t refused = 0;    // by a plugin, or it sent too little in time
  uint64_t unreached = 0;  // no node could be connected to
};

class TcpProxy {
 public:
  // A connection with what is known about it.
  struct Arrival {
    const http::ConnectionEnds& ends;
    std::string_view name;   // that a TLS client asked for; empty: none, or no TLS
    bool announces = false;  // the node is told with the PROXY protocol whose connection it is
  };

  explicit TcpProxy(const Workplace& place, const TcpLimits& limits = {});
  ~TcpProxy();

  void accept(std::unique_ptr<net::Stream> client, const Arrival& arrival);
  void close_all();
  size_t sessions() const { return sessions_.size(); }
  const TcpCounts& counts() const { return counts_; }
  const Presence& presence() const { return presence_; }

 private:
  friend class TcpSession;

  Workplace place_;
  TcpLimits limits_;
  TcpCounts counts_;
  Presence presence_;
  IntrusiveList<TcpSession> sessions_;
};

}  // namespace pylon::stream
