// TlsFacts: what variables say about the client's TLS session. Made when asked; text in the arena.
#pragma once

#include <cstdint>
#include <string_view>

namespace pylon::http {

struct Exchange;

enum class TlsFact : uint8_t {
  protocol,            // TLSv1.3
  cipher,              // TLS_AES_256_GCM_SHA384
  curve,               // prime256v1, X25519
  server_name,         // as sent, no more
  alpn,                // http/1.1
  session_id,          // hexadecimal
  session_reused,      // r or .
  client_verify,       // NONE, SUCCESS or FAILED:reason
  client_subject,      // RFC 2253: CN=x,O=y
  client_issuer,       // likewise
  client_serial,       // hexadecimal, upper case
  client_fingerprint,  // SHA-1, hexadecimal
  client_start,        // Nov 24 20:00:00 2026 GMT
  client_end,          // likewise
  client_pem,          // the certificate as PEM
  client_pem_field,    // likewise, each line but the first behind a tab
  client_pem_escaped,  // likewise, percent-encoded
};

// A null view without TLS, or when there is nothing to say.
std::string_view tls_fact(Exchange& exchange, TlsFact fact);

}  // namespace pylon::http
