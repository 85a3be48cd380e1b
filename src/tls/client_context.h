// ClientContext: how we speak TLS to upstreams, services and stores. It lays TLS over a stream that
// is connected or connecting:
//
//   auto tcp = net::TcpStream::connect(loop, address, size);
//   auto stream = context->wrap(loop, std::move(tcp), {.name = "etcd.local", .verify = true});
//   // as with TCP alone: connecting() until it can be used, then perhaps broken()
//
// Belongs to one thread; outlives its streams.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "tls/credentials.h"
#include "tls/stream.h"

namespace pylon::tls {

struct ClientOptions {
  bool trust_system = true;                // the authorities that the system trusts
  std::vector<std::string> trusted_files;  // PEM
};

// The other side of one connection.
struct ServerPeer {
  std::string_view name;  // host name or address, no port: sent as SNI (names only), and verified
  bool verify = false;
  const ClientIdentity* identity = nullptr;  // whom we claim to be; null: nobody
  std::string_view alpn = {};                // one protocol, "h2"; empty: none is named
  // Sessions are taken up between connections of the same number; 0: never. It must stand for all
  // of the above and for the peer's address.
  uint64_t session_key = 0;
};

class ClientContext {
 public:
  static constexpr size_t kMostSessions = 1024;

  static Result<std::unique_ptr<ClientContext>> make(const ClientOptions& options);
  // One for another thread that trusts the same authorities: they are read and kept once. On the
  // thread of this one.
  Result<std::unique_ptr<ClientContext>> another() const;

  ClientContext(const ClientContext&) = delete;
  ClientContext& operator=(const ClientContext&) = delete;

  // Null when the identity cannot be used, or there is no name to verify (it is in the log).
  std::unique_ptr<Stream> wrap(net::Loop& loop, std::unique_ptr<net::Stream> inner,
                               const ServerPeer& peer);
  const CredentialCache& credentials() const { return credentials_; }

 private:
  struct Kept {
    uint64_t key;
    SessionPtr session;
  };

  ClientContext() = default;
  static Result<std::unique_ptr<ClientContext>> trusting_nobody();
  static int on_new_session(SSL* ssl, SSL_SESSION* session);
  void keep(uint64_t key, SSL_SESSION* session);
  static void name_peer(SSL* ssl, const ServerPeer& peer);

  SslContextPtr context_;
  CredentialCache credentials_;
  std::list<Kept> sessions_;  // the newest first
  std::unordered_map<uint64_t, std::list<Kept>::iterator> index_;
};

}  // namespace pylon::tls
