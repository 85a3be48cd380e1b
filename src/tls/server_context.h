// ServerContext: how a listener speaks TLS. It makes the SSL object of each connection and answers
// OpenSSL's questions during handshakes: which certificate, whose client certificates, which
// earlier session. Belongs to one worker; outlives its streams.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tls/credentials.h"
#include "tls/identity.h"
#include "tls/openssl.h"
#include "tls/session_store.h"
#include "tls/staple_store.h"

namespace pylon::tls {

struct ServerOptions {
  uint8_t protocols = kTls12 | kTls13;
  std::string ciphers = {};            // OpenSSL's list, for TLS 1.2 and older; empty: its default
  bool tickets = false;                // false: sessions are kept here, clients get only their id
  std::string fallback_name = {};      // for clients that send no name; empty: they are refused
  std::vector<std::string> alpn = {};  // what is spoken, the best first
};

// A staple that is to be fetched, and what is needed to judge it.
struct StapleOrder {
  StapleStore::Key key;
  std::string of;  // the ssl object, for logs
  StapleQuestion question;
  CertificatePtr certificate;
  ChainPtr chain;
  Stapling stapling;
};

// Who fetches. Called from within a handshake, must not wait.
class StapleFetcher {
 public:
  virtual ~StapleFetcher() = default;
  virtual void fetch(StapleOrder order) = 0;
};

// What handshakes of all workers share.
struct ServerShare {
  SessionStore sessions;
  StapleStore staples;
};

class ServerContext {
 public:
  // All but the options must outlive it. The error says which option is wrong. No fetcher: no
  // staples.
  static Result<std::unique_ptr<ServerContext>> make(const ServerOptions& options,
                                                     ServerShare& share,
                                                     const IdentitySource& identities,
                                                     StapleFetcher* fetcher = nullptr);

  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;

  SslPtr open() const;
  const CredentialCache& credentials() const { return credentials_; }

 private:
  ServerContext(const ServerOptions& options, ServerShare& share, const IdentitySource& identities,
                StapleFetcher* fetcher)
      : options_(options),
        sessions_(share.sessions),
        staples_(share.staples),
        identities_(identities),
        fetcher_(fetcher) {}
  Result<void> prepare();
  void offer_resumption();

  static int on_client_hello(SSL* ssl, int* alert, void* self);
  static int on_certificate(SSL* ssl, void* self);
  static int on_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                     const unsigned char* in, unsigned in_size, void* self);
  static int on_status_request(SSL* ssl, void* self);
  static int on_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                           EVP_MAC_CTX* mac, int sealing);
  static int on_new_session(SSL* ssl, SSL_SESSION* session);
  static SSL_SESSION* on_known_session(SSL* ssl, const unsigned char* id, int size, int* copy);
  static void on_dead_session(SSL_CTX* context, SSL_SESSION* session);

  bool choose(SSL* ssl);
  bool show(SSL* ssl);
  bool staple(SSL* ssl, const ServerIdentity& identity);
  void order(const StapleStore::Key& key, X509* certificate, const ServerIdentity& identity);
  void demand(SSL* ssl, const ServerIdentity& identity, std::string_view name) const;

  ServerOptions options_;
  SessionStore& sessions_;
  StapleStore& staples_;
  const IdentitySource& identities_;
  StapleFetcher* fetcher_;
  std::string alpn_wire_;
  std::string alpn_wire_without_http2_;  // for ciphers that HTTP/2 does not take
  SslContextPtr context_;
  CredentialCache credentials_;
  // Between questions about the same handshake.
  const ServerIdentity* chosen_ = nullptr;
  const ServerIdentity* shown_ = nullptr;
};

}  // namespace pylon::tls
