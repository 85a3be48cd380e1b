// Agreed: what a handshake came to, kept when OpenSSL has forgotten it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tls/openssl.h"

namespace pylon::tls {

// What the peer's certificate is worth.
enum class PeerVerdict : uint8_t { none, verified, failed };  // none: it showed none

struct Agreed {
  std::string_view protocol;  // "TLSv1.3"
  std::string_view cipher;    // "TLS_AES_256_GCM_SHA384"
  int group = 0;              // of the key exchange, as a NID
  bool resumed = false;
  std::string alpn;         // "h2", "http/1.1"; empty: nothing was agreed
  std::string server_name;  // as the client sent it; empty: it sent none
  std::string session_id;   // octets
  CertificatePtr peer;      // null: it showed none
  long verified = 0;        // X509_V_OK, or what is wrong with `peer`
  // Of a server: what the client offered, in its order.
  std::string offered_ciphers;      // two octets each
  std::vector<int> offered_groups;  // as NIDs, or TLSEXT_nid_unknown and their number

  static Agreed in(SSL* ssl);
  PeerVerdict verdict() const;
};

}  // namespace pylon::tls
