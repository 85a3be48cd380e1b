#include "tls/server_context.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <ctime>

#include "observe/log.h"
#include "tls/records.h"

namespace pylon::tls {
namespace {

constexpr size_t kMaxName = 255;

struct Version {
  uint8_t bit;
  uint64_t refusal;
};
constexpr Version kVersions[] = {{kTls10, SSL_OP_NO_TLSv1},
                                 {kTls11, SSL_OP_NO_TLSv1_1},
                                 {kTls12, SSL_OP_NO_TLSv1_2},
                                 {kTls13, SSL_OP_NO_TLSv1_3}};

uint64_t refusals_of(uint8_t protocols) {
  uint64_t options = 0;
  for (const Version& version : kVersions) {
    if ((protocols & version.bit) == 0) options |= version.refusal;
  }
  return options;
}

void restrict_protocols(SSL* ssl, uint8_t protocols) {
  SSL_clear_options(ssl, refusals_of(0));
  SSL_set_options(ssl, refusals_of(protocols));
  // Their signatures are SHA-1, which OpenSSL takes at this level only.
  if ((protocols & (kTls10 | kTls11)) != 0) SSL_set_security_level(ssl, 0);
}

// The host name of a server_name extension (RFC 6066 3); empty: none, or malformed.
std::string_view name_in(const unsigned char* extension, size_t size) {
  if (size < 5 || extension[2] != TLSEXT_NAMETYPE_host_name) return {};
  size_t list = static_cast<size_t>(extension[0]) << 8 | extension[1];
  size_t length = static_cast<size_t>(extension[3]) << 8 | extension[4];
  if (list + 2 != size || length + 5 > size || length > kMaxName) return {};
  std::string_view name(reinterpret_cast<const char*>(extension) + 5, length);
  return name.find('\0') == name.npos ? name : std::string_view();
}

std::string normal_name(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string normal(name);
  for (char& c : normal) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return normal;
}

ServerContext& context_of(SSL* ssl) {
  return *static_cast<ServerContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

int take_any_client(int, X509_STORE_CTX*) { return 1; }  // the verdict stays in the connection

// The name was judged in the ClientHello. Without this a session of TLS 1.2 would not keep it.
int take_name(SSL*, int*, void*) { return SSL_TLSEXT_ERR_OK; }

// Of TLS 1.3, the cheapest first: 128 bits are enough, and what is derived by SHA-256 costs a tenth
// less of a handshake, as processors have instructions for it. A client that has none for AES says
// so by asking for ChaCha20 first.
constexpr const char* kSuites =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

// HTTP/2 wants ciphers with forward secrecy and authentication built in (RFC 9113 9.2.2, A).
bool may_bear_http2(const SSL* ssl) {
  const SSL_CIPHER* cipher = SSL_get_pending_cipher(ssl);
  if (cipher == nullptr || SSL_version(ssl) >= TLS1_3_VERSION) return true;
  int exchange = SSL_CIPHER_get_kx_nid(cipher);
  return SSL_CIPHER_is_aead(cipher) == 1 && (exchange == NID_kx_ecdhe || exchange == NID_kx_dhe);
}

std::string_view id_of(const SSL_SESSION* session) {
  unsigned size = 0;
  const unsigned char* id = SSL_SESSION_get_id(session, &size);
  return {reinterpret_cast<const char*>(id), size};
}

}  // namespace

Result<std::unique_ptr<ServerContext>> ServerContext::make(const ServerOptions& options,
                                                           ServerShare& share,
                                                           const IdentitySource& identities,
                                                           StapleFetcher* fetcher) {
  std::unique_ptr<ServerContext> made(new ServerContext(options, share, identities, fetcher));
  if (Result<void> prepared = made->prepare(); !prepared) {
    return tl::unexpected(prepared.error());
  }
  return made;
}

Result<void> ServerContext::prepare() {
  context_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = context_.get();
  if (context == nullptr) return fail("TLS cannot be used: " + take_error());
  SSL_CTX_set_app_data(context, this);
  SSL_CTX_set_min_proto_version(context, TLS1_VERSION);  // options say more
  SSL_CTX_set_options(context, refusals_of(options_.protocols) | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                   SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_ciphersuites(context, kSuites);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (!options_.ciphers.empty() &&
      SSL_CTX_set_cipher_list(context, options_.ciphers.c_str()) != 1) {
    return fail("no usable cipher in \"" + options_.ciphers + "\": " + take_error());
  }
  for (const std::string& protocol : options_.alpn) {
    std::string entry = static_cast<char>(protocol.size()) + protocol;
    alpn_wire_ += entry;
    if (protocol != "h2") alpn_wire_without_http2_ += entry;
  }
  if (!alpn_wire_.empty()) SSL_CTX_set_alpn_select_cb(context, &ServerContext::on_alpn, this);
  SSL_CTX_set_client_hello_cb(context, &ServerContext::on_client_hello, this);
  SSL_CTX_set_tlsext_servername_callback(context, take_name);
  SSL_CTX_set_cert_cb(context, &ServerContext::on_certificate, this);
  if (fetcher_ != nullptr) {
    SSL_CTX_set_tlsext_status_cb(context, &ServerContext::on_status_request);
    SSL_CTX_set_tlsext_status_arg(context, this);
  }
  TrafficSecrets::listen(context);
  offer_resumption();
  return {};
}

void ServerContext::offer_resumption() {
  SSL_CTX* context = context_.get();
  SSL_CTX_set_timeout(context, SessionStore::kSessionLifeS);
  if (options_.tickets) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &ServerContext::on_ticket_key);
    return;
  }
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context, 1);  // TLS 1.3 tells the id in a ticket
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &ServerContext::on_new_session);
  SSL_CTX_sess_set_get_cb(context, &ServerContext::on_known_session);
  SSL_CTX_sess_set_remove_cb(context, &ServerContext::on_dead_session);
}

SslPtr ServerContext::open() const { return SslPtr(SSL_new(context_.get())); }

// ---- which identity

int ServerContext::on_client_hello(SSL* ssl, int* alert, void* self) {
  if (static_cast<ServerContext*>(self)->choose(ssl)) return SSL_CLIENT_HELLO_SUCCESS;
  *alert = SSL_AD_UNRECOGNIZED_NAME;
  return SSL_CLIENT_HELLO_ERROR;
}

bool ServerContext::choose(SSL* ssl) {
  shown_ = nullptr;
  const unsigned char* extension = nullptr;
  size_t size = 0;
  std::string_view sent;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &extension, &size) == 1) {
    sent = name_in(extension, size);
    if (sent.empty()) {
      observe::log(observe::Level::info, "failed to find SNI: the client sent one that is none");
      return false;
    }
  }
  std::string name = normal_name(sent.empty() ? options_.fallback_name : sent);
  if (name.empty()) {
    observe::log(observe::Level::info, "failed to find SNI: the client sent none");
    return false;
  }
  chosen_ = identities_.find(name);
  if (chosen_ == nullptr) {
    observe::log(observe::Level::warn, "failed to find any SSL certificate by SNI: {}", name);
    return false;
  }
  if (chosen_->protocols != 0) restrict_protocols(ssl, chosen_->protocols);
  demand(ssl, *chosen_, name);
  return true;
}

// A session may be taken up by the same name only, and while the same client certificates are
// demanded.
void ServerContext::demand(SSL* ssl, const ServerIdentity& identity, std::string_view name) const {
  std::string scope(reinterpret_cast<const char*>(identity.trust.data()), identity.trust.size());
  scope += name;
  unsigned char digest[32];
  EVP_Digest(scope.data(), scope.size(), digest, nullptr, EVP_sha256(), nullptr);
  SSL_set_session_id_context(ssl, digest, sizeof digest);
  if (identity.client == nullptr) return;
  if (!identity.client->by_request) {
    SSL_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  } else {
    SSL_set_verify(ssl, SSL_VERIFY_PEER, take_any_client);
  }
  SSL_set_verify_depth(ssl, identity.client->depth);
}

// A full handshake: the certificates are needed.
int ServerContext::on_certificate(SSL* ssl, void* self) {
  return static_cast<ServerContext*>(self)->show(ssl) ? 1 : 0;
}

bool ServerContext::show(SSL* ssl) {
  const ServerIdentity* identity = std::exchange(chosen_, nullptr);
  if (identity == nullptr) return false;
  shown_ = identity;
  const Credentials& credentials = credentials_.of(*identity);
  if (!credentials.problem.empty()) return false;
  for (const KeyPair& pair : credentials.pairs) {
    if (!pair.show(ssl)) {
      observe::log(observe::Level::error, "ssl {}: {}", identity->id, take_error());
      return false;
    }
  }
  if (credentials.authority == nullptr) return true;
  SSL_set1_verify_cert_store(ssl, credentials.authority.get());
  for (const CertificatePtr& each : credentials.announced) SSL_add_client_CA(ssl, each.get());
  return true;
}

// ---- staples

// The client asks for one; the certificate has been chosen.
int ServerContext::on_status_request(SSL* ssl, void* self) {
  auto& context = *static_cast<ServerContext*>(self);
  const ServerIdentity* identity = std::exchange(context.shown_, nullptr);
  if (identity == nullptr || !identity->stapling.enabled) return SSL_TLSEXT_ERR_NOACK;
  return context.staple(ssl, *identity) ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

bool ServerContext::staple(SSL* ssl, const ServerIdentity& identity) {
  X509* certificate = SSL_get_certificate(ssl);
  StapleStore::Key key{};
  if (certificate == nullptr) return false;
  X509_digest(certificate, EVP_sha256(), key.data(), nullptr);
  key[0] ^= static_cast<unsigned char>(identity.stapling.verify);
  StapleStore::Found found = staples_.find(key, std::time(nullptr));
  if (found.due) order(key, certificate, identity);
  if (found.response == nullptr) return false;
  void* copy = OPENSSL_memdup(found.response->data(), found.response->size());
  return SSL_set_tlsext_status_ocsp_resp(ssl, static_cast<unsigned char*>(copy),
                                         static_cast<long>(found.response->size())) == 1;
}

void ServerContext::order(const StapleStore::Key& key, X509* certificate,
                          const ServerIdentity& identity) {
  for (const KeyPair& pair : credentials_.of(identity).pairs) {
    if (pair.certificate.get() != certificate) continue;
    Result<StapleQuestion> question = staple_question(certificate, pair.chain.get());
    if (!question) {
      observe::log(observe::Level::error, "ssl {}: no ocsp response send: {}", identity.id,
                   question.error().message);
      return;
    }
    X509_up_ref(certificate);
    fetcher_->fetch({key, identity.id, std::move(*question), CertificatePtr(certificate),
                     ChainPtr(X509_chain_up_ref(pair.chain.get())), identity.stapling});
  }
}

int ServerContext::on_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                           const unsigned char* in, unsigned in_size, void* self) {
  const auto& context = *static_cast<ServerContext*>(self);
  const std::string& ours =
      may_bear_http2(ssl) ? context.alpn_wire_ : context.alpn_wire_without_http2_;
  unsigned char* chosen = nullptr;
  int result =
      SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(ours.data()),
                            static_cast<unsigned>(ours.size()), in, in_size);
  *out = chosen;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// ---- earlier sessions

// 1: goes on, 2: goes on and the client gets a fresh ticket, 0: not one of ours, -1: an error.
int ServerContext::on_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv,
                                 EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int sealing) {
  SessionStore& sessions = context_of(ssl).sessions_;
  int64_t now_s = std::time(nullptr);
  TicketKey key = sessions.ticket_key(now_s, 0);
  int known = 1;
  if (sealing != 0) {
    std::copy(key.name.begin(), key.name.end(), name);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
    if (EVP_EncryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.seal.data(), iv) != 1) return -1;
  } else {
    auto matches = [&] { return std::equal(key.name.begin(), key.name.end(), name); };
    if (!matches()) {
      key = sessions.ticket_key(now_s, 1);
      if (!matches()) return 0;
      known = 2;
    }
    if (EVP_DecryptInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.seal.data(), iv) != 1) return -1;
  }
  char digest[] = "SHA256";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.sign.data(), key.sign.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters) == 1 ? known : -1;
}

int ServerContext::on_new_session(SSL* ssl, SSL_SESSION* session) {
  int size = i2d_SSL_SESSION(session, nullptr);
  if (size <= 0) return 0;
  std::string octets(static_cast<size_t>(size), '\0');
  auto* to = reinterpret_cast<unsigned char*>(octets.data());
  i2d_SSL_SESSION(session, &to);
  context_of(ssl).sessions_.keep(id_of(session), std::move(octets), std::time(nullptr));
  return 0;  // we keep no reference
}

SSL_SESSION* ServerContext::on_known_session(SSL* ssl, const unsigned char* id, int size,
                                             int* copy) {
  *copy = 0;
  std::string_view key(reinterpret_cast<const char*>(id), static_cast<size_t>(size));
  std::optional<std::string> octets = context_of(ssl).sessions_.find(key, std::time(nullptr));
  if (!octets) return nullptr;
  const auto* from = reinterpret_cast<const unsigned char*>(octets->data());
  return d2i_SSL_SESSION(nullptr, &from, static_cast<long>(octets->size()));
}

void ServerContext::on_dead_session(SSL_CTX* context, SSL_SESSION* session) {
  auto* self = static_cast<ServerContext*>(SSL_CTX_get_app_data(context));
  self->sessions_.forget(id_of(session));
}

}  // namespace pylon::tls
