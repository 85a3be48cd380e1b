// Endpoint: the whole identity of a peer, interned to a small dense number.
//
// Two identities never share a connection, so a worker's connection pool is an array indexed by
// `Endpoint::id`. The table belongs to the control thread; workers read endpoints that a pinned
// snapshot keeps alive. An id is handed out again when no snapshot that anybody pins holds the
// endpoint. A pool may outlive that by its idle connections: it keeps the `serial`, which is never
// used twice, beside them, and drops what it holds when the serial has changed.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "base/ref.h"
#include "upstream/dense_ids.h"

namespace pylon::upstream {

using EndpointId = uint32_t;  // dense: 0, 1, 2, ...

enum class ProxyProtocol : uint8_t { none, v1, v2 };

// How a TLS session with the peer is set up; all empty for plain connections.
struct TlsIdentity {
  bool enabled = false;
  bool verify = false;
  bool h2 = false;          // ALPN
  std::string sni;          // empty: the Host of the request, see proxy
  std::string client_cert;  // digest of the certificate that we show; empty: none

  auto operator<=>(const TlsIdentity&) const = default;
};

struct EndpointIdentity {
  IpAddress address;
  uint16_t port = 0;
  std::string unix_path;  // not empty: a unix socket, address and port count for nothing
  TlsIdentity tls;
  ProxyProtocol proxy_protocol = ProxyProtocol::none;

  auto operator<=>(const EndpointIdentity&) const = default;
};

class EndpointTable;
struct EndpointTableCore;

class Endpoint final : public RefCounted {
 public:
  ~Endpoint();

  EndpointId id() const { return id_.index; }
  uint64_t serial() const { return id_.serial; }
  const EndpointIdentity& identity() const { return identity_; }
  std::string_view text() const { return text_; }  // "10.0.0.1:80", "[::1]:80", "unix:/run/a.sock"
  std::string_view ip_text() const { return ip_text_; }  // "10.0.0.1"; empty for unix sockets

  // What connect(2) takes.
  const sockaddr* socket_address() const {
    return unix_address_ != nullptr ? reinterpret_cast<const sockaddr*>(unix_address_.get())
                                    : &address_.any;
  }
  socklen_t socket_address_bytes() const;
  int socket_family() const { return socket_address()->sa_family; }

 private:
  friend class EndpointTable;
  Endpoint(EndpointTableCore& table, const EndpointIdentity& identity);

  Ref<EndpointTableCore> table_;
  DenseIds::Id id_;
  EndpointIdentity identity_;
  std::string text_;
  std::string_view ip_text_;  // a part of text_
  union {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
  } address_{};
  std::unique_ptr<const sockaddr_un> unix_address_;  // in place of the other
};

// Its endpoints may outlive it: snapshots that are still pinned when the configuration is gone.
class EndpointTable {
 public:
  // sun_path's room, without the terminating NUL.
  static constexpr size_t kMaxUnixPath = 107;

  EndpointTable();
  ~EndpointTable();
  EndpointTable(const EndpointTable&) = delete;
  EndpointTable& operator=(const EndpointTable&) = delete;

  // The endpoint of that identity: the one there is, or a new one. `unix_path` must fit.
  Ref<const Endpoint> intern(const EndpointIdentity& identity);

  size_t size() const;
  EndpointId bound() const;  // every id handed out so far is below

 private:
  Ref<EndpointTableCore> core_;
};

}  // namespace pylon::upstream
