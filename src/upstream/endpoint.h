// Endpoint: the whole identity of a peer, interned to a small dense number.
//
// Two identities never share a connection, so a worker's connection pool is an array indexed by
// `Endpoint::id`. The table belongs to the control thread; workers read endpoints that a pinned
// snapshot keeps alive. An id is handed out again when no snapshot that anybody pins holds the
// endpoint. A pool may outlive that by its idle connections: it keeps the `serial`, which is never
// used twice, beside them, and drops what it holds when the serial has changed.
#pragma once

#include <sys/socket.h>

#include <compare>
#include <cstdint>
#include <map>
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

class Endpoint final : public RefCounted {
 public:
  ~Endpoint();

  EndpointId id() const { return id_.index; }
  uint64_t serial() const { return id_.serial; }
  const EndpointIdentity& identity() const { return identity_; }
  std::string_view text() const { return text_; }  // "10.0.0.1:80", "[::1]:80", "unix:/run/a.sock"
  std::string_view ip_text() const {
    return ip_text_;
  }  // "10.0.0.1", "::1"; empty for unix sockets

  // What connect(2) takes.
  const sockaddr* socket_address() const { return reinterpret_cast<const sockaddr*>(&address_); }
  socklen_t socket_address_bytes() const { return address_bytes_; }
  int socket_family() const { return address_.ss_family; }

 private:
  friend class EndpointTable;
  Endpoint(EndpointTable& table, const EndpointIdentity& identity);

  EndpointTable* table_;
  DenseIds::Id id_;
  EndpointIdentity identity_;
  std::string text_;
  std::string ip_text_;
  sockaddr_storage address_{};
  socklen_t address_bytes_ = 0;
};

// Must outlive every endpoint that it made.
class EndpointTable {
 public:
  // sun_path's room, without the terminating NUL.
  static constexpr size_t kMaxUnixPath = 107;

  EndpointTable() = default;
  EndpointTable(const EndpointTable&) = delete;
  EndpointTable& operator=(const EndpointTable&) = delete;

  // The endpoint of that identity: the one there is, or a new one. `unix_path` must fit.
  Ref<const Endpoint> intern(const EndpointIdentity& identity);

  size_t size() const { return by_identity_.size(); }
  EndpointId bound() const { return ids_.bound(); }  // every id handed out so far is below

 private:
  friend class Endpoint;

  std::map<EndpointIdentity, const Endpoint*> by_identity_;
  DenseIds ids_;
};

}  // namespace pylon::upstream
