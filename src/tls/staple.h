// Staples: what an OCSP responder says about a certificate of ours, sent along in handshakes, so
// that clients need not ask it themselves. Source: RFC 6960, RFC 6066 8; APISIX docs
// "ocsp-stapling".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "tls/openssl.h"

namespace pylon::tls {

// As an ssl object says it.
struct Stapling {
  bool enabled = false;
  bool verify = true;    // the answer must be signed for, and say "good"
  int64_t ttl_s = 3600;  // an answer is asked for anew after it
};

struct StapleQuestion {
  bool https = false;
  std::string host;
  uint16_t port = 0;
  std::string target;
  std::string body;  // DER, for a POST as application/ocsp-request
};

struct Staple {
  std::string response;  // DER, as it was received
  int64_t until_s = 0;   // nextUpdate, unix time; INT64_MAX: it names none
};

// The errors are those of APISIX's log. `chain` must contain who issued the certificate.
Result<StapleQuestion> staple_question(X509* certificate, STACK_OF(X509) * chain);
Result<Staple> judge_staple(std::string_view response, X509* certificate, STACK_OF(X509) * chain,
                            bool verify);

}  // namespace pylon::tls
