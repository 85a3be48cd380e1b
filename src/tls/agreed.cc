#include "tls/agreed.h"

namespace pylon::tls {
namespace {

std::string_view text_of(const char* text) { return text != nullptr ? text : std::string_view(); }

std::string_view view_of(const unsigned char* octets, size_t size) {
  return {reinterpret_cast<const char*>(octets), octets != nullptr ? size : 0};
}

void note_offer(SSL* ssl, Agreed& agreed) {
  const unsigned char* ciphers = nullptr;
  size_t size = SSL_get0_raw_cipherlist(ssl, &ciphers);
  agreed.offered_ciphers = view_of(ciphers, size);
  int groups = static_cast<int>(SSL_get1_groups(ssl, nullptr));
  if (groups <= 0) return;
  agreed.offered_groups.resize(static_cast<size_t>(groups));
  SSL_get1_groups(ssl, agreed.offered_groups.data());
}

}  // namespace

Agreed Agreed::in(SSL* ssl) {
  Agreed agreed;
  agreed.protocol = text_of(SSL_get_version(ssl));
  agreed.cipher = text_of(SSL_get_cipher_name(ssl));
  agreed.group = static_cast<int>(SSL_get_negotiated_group(ssl));
  agreed.resumed = SSL_session_reused(ssl) == 1;
  const unsigned char* octets = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &octets, &size);
  agreed.alpn = view_of(octets, size);
  agreed.server_name = text_of(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
  if (const SSL_SESSION* session = SSL_get_session(ssl)) {
    octets = SSL_SESSION_get_id(session, &size);
    agreed.session_id = view_of(octets, size);
  }
  agreed.peer.reset(SSL_get1_peer_certificate(ssl));
  agreed.verified = SSL_get_verify_result(ssl);
  if (SSL_is_server(ssl) == 1) note_offer(ssl, agreed);
  return agreed;
}

PeerVerdict Agreed::verdict() const {
  if (peer == nullptr) return PeerVerdict::none;
  return verified == X509_V_OK ? PeerVerdict::verified : PeerVerdict::failed;
}

}  // namespace pylon::tls
