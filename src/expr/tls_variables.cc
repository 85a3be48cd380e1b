// Variables about the client's TLS session, as nginx has them.
#include "expr/getters.h"

#include <span>
#include "http/tls_facts.h"

namespace pylon::expr {
namespace {

using http::TlsFact;

template <TlsFact Fact>
std::string_view fact(const Operand&, http::Exchange& exchange) {
  return http::tls_fact(exchange, Fact);
}

}  // namespace

std::span<const Named> tls_variables() {
  static constexpr Named kVariables[] = {
      {"ssl_protocol", fact<TlsFact::protocol>},
      {"ssl_cipher", fact<TlsFact::cipher>},
      {"ssl_ciphers", fact<TlsFact::ciphers>},
      {"ssl_curve", fact<TlsFact::curve>},
      {"ssl_curves", fact<TlsFact::curves>},
      {"ssl_server_name", fact<TlsFact::server_name>},
      {"ssl_alpn_protocol", fact<TlsFact::alpn>},
      {"ssl_session_id", fact<TlsFact::session_id>},
      {"ssl_session_reused", fact<TlsFact::session_reused>},
      {"ssl_early_data", fact<TlsFact::early_data>},
      {"ssl_client_verify", fact<TlsFact::client_verify>},
      {"ssl_client_s_dn", fact<TlsFact::client_subject>},
      {"ssl_client_i_dn", fact<TlsFact::client_issuer>},
      {"ssl_client_s_dn_legacy", fact<TlsFact::client_subject_legacy>},
      {"ssl_client_i_dn_legacy", fact<TlsFact::client_issuer_legacy>},
      {"ssl_client_serial", fact<TlsFact::client_serial>},
      {"ssl_client_fingerprint", fact<TlsFact::client_fingerprint>},
      {"ssl_client_v_start", fact<TlsFact::client_start>},
      {"ssl_client_v_end", fact<TlsFact::client_end>},
      {"ssl_client_v_remain", fact<TlsFact::client_days_remaining>},
      {"ssl_client_raw_cert", fact<TlsFact::client_pem>},
      {"ssl_client_cert", fact<TlsFact::client_pem_field>},
      {"ssl_client_escaped_cert", fact<TlsFact::client_pem_escaped>},
  };
  return kVariables;
}

}  // namespace pylon::expr
