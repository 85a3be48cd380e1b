// ServerContext: how a listener speaks TLS. It makes the SSL object of each connection and answers
// OpenSSL's questions during handshakes: which certificate, whose client certificates, which
// earlier session. Belongs to one worker; outlives its streams.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "tls/credentials.h"
#include "tls/identity.h"
#include "tls/openssl.h"
#include "tls/session_store.h"

namespace pylon::tls {

struct ServerOptions {
  uint8_t protocols = kTls12 | kTls13;
  std::string ciphers = {};            // OpenSSL's list, for TLS 1.2 and older; empty: its default
  bool tickets = false;                // false: sessions are kept here, clients get only their id
  std::string fallback_name = {};      // for clients that send no name; empty: they are refused
  std::vector<std::string> alpn = {};  // what is spoken, the best first
};

class ServerContext {
 public:
  // `sessions` and `identities` must outlive it. The error says which option is wrong.
  static Result<std::unique_ptr<ServerContext>> make(const ServerOptions& options,
                                                     SessionStore& sessions,
                                                     const IdentitySource& identities);

  ServerContext(const ServerContext&) = delete;
  ServerContext& operator=(const ServerContext&) = delete;

  SslPtr open() const;

 private:
  ServerContext(const ServerOptions& options, SessionStore& sessions,
                const IdentitySource& identities)
      : options_(options), sessions_(sessions), identities_(identities) {}
  Result<void> prepare();
  void offer_resumption();

  static int on_client_hello(SSL* ssl, int* alert, void* self);
  static int on_certificate(SSL* ssl, void* self);
  static int on_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                     const unsigned char* in, unsigned in_size, void* self);
  static int on_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                           EVP_MAC_CTX* mac, int sealing);
  static int on_new_session(SSL* ssl, SSL_SESSION* session);
  static SSL_SESSION* on_known_session(SSL* ssl, const unsigned char* id, int size, int* copy);
  static void on_dead_session(SSL_CTX* context, SSL_SESSION* session);

  bool choose(SSL* ssl);
  bool show(SSL* ssl);
  void demand(SSL* ssl, const ServerIdentity& identity, std::string_view name) const;

  ServerOptions options_;
  SessionStore& sessions_;
  const IdentitySource& identities_;
  std::string alpn_wire_;
  SslContextPtr context_;
  CredentialCache credentials_;
  const ServerIdentity* chosen_ = nullptr;  // between two questions about the same handshake
};

}  // namespace pylon::tls
