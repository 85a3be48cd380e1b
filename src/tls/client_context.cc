#include "tls/client_context.h"

#include <openssl/x509v3.h>

#include "base/ip.h"
#include "observe/log.h"

namespace pylon::tls {
namespace {

int key_index() {
  static const int kIndex = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return kIndex;
}

}  // namespace

Result<std::unique_ptr<ClientContext>> ClientContext::trusting_nobody() {
  std::unique_ptr<ClientContext> made(new ClientContext);
  made->context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = made->context_.get();
  if (context == nullptr) return fail("TLS cannot be used: " + take_error());
  SSL_CTX_set_app_data(context, made.get());
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &ClientContext::on_new_session);
  return made;
}

Result<std::unique_ptr<ClientContext>> ClientContext::make(const ClientOptions& options) {
  auto made = trusting_nobody();
  if (!made) return made;
  SSL_CTX* context = (*made)->context_.get();
  if (options.trust_system) SSL_CTX_set_default_verify_paths(context);
  for (const std::string& file : options.trusted_files) {
    if (SSL_CTX_load_verify_file(context, file.c_str()) == 1) continue;
    return fail(file + ": trusted certificates cannot be read: " + take_error());
  }
  ERR_clear_error();
  return made;
}

// A store of OpenSSL's has a lock and counts who uses it.
Result<std::unique_ptr<ClientContext>> ClientContext::another() const {
  auto made = trusting_nobody();
  if (made)
    SSL_CTX_set1_cert_store((*made)->context_.get(), SSL_CTX_get_cert_store(context_.get()));
  return made;
}

std::unique_ptr<Stream> ClientContext::wrap(net::Loop& loop, std::unique_ptr<net::Stream> inner,
                                            const ServerPeer& peer) {
  if (peer.verify && peer.name.empty()) {
    observe::log(observe::Level::error, "TLS with a server: it cannot be verified without a name");
    return nullptr;
  }
  SslPtr ssl(SSL_new(context_.get()));
  if (peer.identity != nullptr) {
    const Credentials& credentials = credentials_.of(*peer.identity);
    if (!credentials.problem.empty() || !credentials.pairs.front().show(ssl.get())) return nullptr;
  }
  name_peer(ssl.get(), peer);
  if (!peer.alpn.empty()) {
    std::string wire(1, static_cast<char>(peer.alpn.size()));
    wire += peer.alpn;
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(wire.data()),
                        static_cast<unsigned>(wire.size()));
  }
  if (peer.session_key != 0) {
    SSL_set_ex_data(ssl.get(), key_index(), reinterpret_cast<void*>(peer.session_key));
    auto known = index_.find(peer.session_key);
    if (known != index_.end()) SSL_set_session(ssl.get(), known->second->session.get());
  }
  auto stream = std::make_unique<Stream>(loop, std::move(inner), std::move(ssl), Side::client);
  stream->advance();
  return stream;
}

void ClientContext::name_peer(SSL* ssl, const ServerPeer& peer) {
  std::string name(peer.name);
  bool is_address = IpAddress::parse(name).has_value();
  if (!name.empty() && !is_address) SSL_set_tlsext_host_name(ssl, name.c_str());
  if (!peer.verify) return;
  SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
  if (is_address) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str());
  } else {
    SSL_set1_host(ssl, name.c_str());
  }
}

int ClientContext::on_new_session(SSL* ssl, SSL_SESSION* session) {
  auto key = reinterpret_cast<uint64_t>(SSL_get_ex_data(ssl, key_index()));
  if (key == 0) return 0;
  auto* self = static_cast<ClientContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  self->keep(key, session);
  return 1;  // the reference is ours now
}

void ClientContext::keep(uint64_t key, SSL_SESSION* session) {
  if (auto known = index_.find(key); known != index_.end()) {
    known->second->session.reset(session);
    sessions_.splice(sessions_.begin(), sessions_, known->second);
    return;
  }
  if (sessions_.size() == kMostSessions) {
    index_.erase(sessions_.back().key);
    sessions_.pop_back();
  }
  sessions_.push_front({key, SessionPtr(session)});
  index_[key] = sessions_.begin();
}

}  // namespace pylon::tls
