// TlsFact: what variables say about the client's TLS session. Made when asked; text in the arena.
#pragma once

#include <cstdint>
#include <string_view>

namespace pylon::http {

struct Exchange;

enum class TlsFact : uint8_t {
  protocol,               // TLSv1.3
  cipher,                 // TLS_AES_256_GCM_SHA384
  ciphers,                // that the client offered, by name or as 0x1a1a, with colons between
  curve,                  // prime256v1, X25519
  curves,                 // likewise that the client offered
  server_name,            // as sent, no more
  alpn,                   // http/1.1
  session_id,             // hexadecimal
  session_reused,         // r or .
  early_data,             // nothing: we take none
  client_verify,          // NONE, SUCCESS or FAILED:reason
  client_subject,         // RFC 2253: CN=x,O=y
  client_issuer,          // likewise
  client_subject_legacy,  // /O=y/CN=x
  client_issuer_legacy,   // likewise
  client_serial,          // hexadecimal, upper case
  client_fingerprint,     // SHA-1, hexadecimal
  client_start,           // Nov 24 20:00:00 2026 GMT
  client_end,             // likewise
  client_days_remaining,  // until then, 0 after it
  client_pem,             // the certificate as PEM
  client_pem_field,       // likewise, each line but the first behind a tab
  client_pem_escaped,     // likewise, percent-encoded
};

// A null view without TLS, or when there is nothing to say.
std::string_view tls_fact(Exchange& exchange, TlsFact fact);

}  // namespace pylon::http
