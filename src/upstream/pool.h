// Pool: the idle connections of one worker to upstream nodes, per endpoint, last in first out.
//
// The newest idle connection is the one the peer is least likely to have closed. Idle ones are
// watched: a peer that closes, or sends octets nobody asked for, loses its connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "base/intrusive_list.h"
#include "http/h1/client_connection.h"
#include "tls/client_context.h"
#include "upstream/endpoint.h"
#include "upstream/upstream.h"

namespace pylon::upstream {

// How the TLS session with a node is to be, beside what its endpoint says.
struct Session {
  std::string_view name;                          // SNI and verified name, no port
  const tls::ClientIdentity* identity = nullptr;  // what we show
  // What sets it apart: connections of another variant are not used for it. 0: plain.
  uint64_t variant = 0;

  static Session with(const Endpoint& endpoint, std::string_view name,
                      const tls::ClientIdentity* identity);
};

// Starts to connect, through TLS when the endpoint says so. Null with errno set when there is no
// descriptor for it, or when what we were to show cannot be used. `alpn`: as in tls::ServerPeer.
std::unique_ptr<net::Stream> dial(net::Loop& loop, tls::ClientContext& tls,
                                  const Endpoint& endpoint, const Session& session,
                                  std::string_view alpn);

class Pool {
 public:
  Pool(net::Loop& loop, tls::ClientContext& tls) : loop_(loop), tls_(tls) {}
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // An idle connection, or null. `thorough`: the kernel is asked whether the peer has closed it,
  // for requests that could not be sent twice.
  http::h1::ClientConnection* take(const Endpoint& endpoint, const Session& session,
                                   const Keepalive& keepalive, bool thorough);
  // A new one, still connecting; null with errno set when there is no descriptor for it, or when
  // what we were to show cannot be used.
  http::h1::ClientConnection* connect(const Endpoint& endpoint, const Session& session);
  // Takes the connection back after an exchange: keeps it when it is clean and there is room.
  void give_back(const Endpoint& endpoint, http::h1::ClientConnection& connection,
                 const Keepalive& keepalive);

  // Ends idle connections, any, at most so many: descriptors are short. Returns how many.
  size_t shed(size_t at_most);
  size_t idle() const { return idle_; }
  uint64_t connects() const { return connects_; }

 private:
  using List = IntrusiveList<http::h1::ClientConnection>;

  static void dropped(void* pool, http::h1::ClientConnection& connection);
  List& list_of(EndpointId id);
  void end(http::h1::ClientConnection& connection);

  net::Loop& loop_;
  tls::ClientContext& tls_;
  std::vector<std::unique_ptr<List>> lists_;  // by EndpointId
  size_t idle_ = 0;
  uint64_t connects_ = 0;
};

// Holds one connection for an exchange; ends it unless it was given back.
template <class Side>
class Lease {
 public:
  Lease() = default;
  Lease(Lease&& other) noexcept : connection_(other.release()) {}
  Lease& operator=(Lease&& other) noexcept {
    hold(other.release());
    return *this;
  }
  ~Lease() { drop(); }

  void hold(Side* connection) {
    drop();
    connection_ = connection;
  }
  void drop() {
    if (connection_ != nullptr) std::exchange(connection_, nullptr)->end();
  }
  Side* release() { return std::exchange(connection_, nullptr); }
  Side* operator->() const { return connection_; }
  Side& operator*() const { return *connection_; }
  explicit operator bool() const { return connection_ != nullptr; }

 private:
  Side* connection_ = nullptr;
};
using ConnectionLease = Lease<http::h1::ClientConnection>;
using SideLease = Lease<http::UpstreamSide>;

}  // namespace pylon::upstream
