#include "tls/staple.h"

#include <openssl/http.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include <memory>
#include <utility>

namespace pylon::tls {
namespace {

constexpr long kClockSkewS = 300;

using RequestPtr = std::unique_ptr<OCSP_REQUEST, Freeing<OCSP_REQUEST_free>>;
using ResponsePtr = std::unique_ptr<OCSP_RESPONSE, Freeing<OCSP_RESPONSE_free>>;
using BasicPtr = std::unique_ptr<OCSP_BASICRESP, Freeing<OCSP_BASICRESP_free>>;
using IdPtr = std::unique_ptr<OCSP_CERTID, Freeing<OCSP_CERTID_free>>;

X509* issuer_of(X509* certificate, STACK_OF(X509) * chain) {
  for (int i = 0; i < sk_X509_num(chain); i++) {
    X509* each = sk_X509_value(chain, i);
    if (X509_check_issued(each, certificate) == X509_V_OK) return each;
  }
  return nullptr;
}

std::string responder_of(X509* certificate) {
  STACK_OF(OPENSSL_STRING)* all = X509_get1_ocsp(certificate);
  std::string first = sk_OPENSSL_STRING_num(all) > 0 ? sk_OPENSSL_STRING_value(all, 0) : "";
  X509_email_free(all);
  return first;
}

bool split(const std::string& url, StapleQuestion& question) {
  int https = 0, port = 0;
  char *host = nullptr, *path = nullptr, *query = nullptr;
  if (OSSL_HTTP_parse_url(url.c_str(), &https, nullptr, &host, nullptr, &port, &path, &query,
                          nullptr) != 1) {
    return false;
  }
  question.https = https != 0;
  question.host = host;
  question.port = static_cast<uint16_t>(port);
  question.target = path;
  if (query != nullptr && *query != '\0') question.target += std::string("?") + query;
  for (char* each : {host, path, query}) OPENSSL_free(each);
  return true;
}

// "20261130050000Z" as unix time.
int64_t unix_time(const ASN1_GENERALIZEDTIME* time) {
  int days = 0, seconds = 0;
  std::unique_ptr<ASN1_TIME, Freeing<ASN1_TIME_free>> epoch(ASN1_TIME_set(nullptr, 0));
  if (ASN1_TIME_diff(&days, &seconds, epoch.get(), time) != 1) return 0;
  return int64_t{days} * 86400 + seconds;
}

// Signed by the issuer, or by whom it lets sign.
bool is_signed(OCSP_BASICRESP* basic, STACK_OF(X509) * chain, X509* issuer) {
  StorePtr store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), issuer);
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  return OCSP_basic_verify(basic, chain, store.get(), 0) == 1;
}

}  // namespace

Result<StapleQuestion> staple_question(X509* certificate, STACK_OF(X509) * chain) {
  std::string url = responder_of(certificate);
  if (url.empty()) {
    return fail("failed to get ocsp url: cert not contains authority_information_access extension");
  }
  StapleQuestion question;
  if (!split(url, question)) return fail("failed to get ocsp url: " + url + ": " + take_error());
  X509* issuer = issuer_of(certificate, chain);
  if (issuer == nullptr) {
    return fail("failed to create ocsp request: issuer certificate not found in the chain");
  }
  RequestPtr request(OCSP_REQUEST_new());
  OCSP_CERTID* id = OCSP_cert_to_id(nullptr, certificate, issuer);
  if (id == nullptr || OCSP_request_add0_id(request.get(), id) == nullptr) {
    OCSP_CERTID_free(id);
    return fail("failed to create ocsp request: " + take_error());
  }
  unsigned char* octets = nullptr;
  int size = i2d_OCSP_REQUEST(request.get(), &octets);
  if (size <= 0) return fail("failed to create ocsp request: " + take_error());
  question.body.assign(reinterpret_cast<const char*>(octets), static_cast<size_t>(size));
  OPENSSL_free(octets);
  return question;
}

Result<Staple> judge_staple(std::string_view response, X509* certificate, STACK_OF(X509) * chain,
                            bool verify) {
  auto bad = [](std::string why) {
    ERR_clear_error();
    return fail("failed to validate ocsp response: " + std::move(why));
  };
  const auto* octets = reinterpret_cast<const unsigned char*>(response.data());
  ResponsePtr parsed(d2i_OCSP_RESPONSE(nullptr, &octets, static_cast<long>(response.size())));
  if (parsed == nullptr) return bad("it cannot be read");
  int outcome = OCSP_response_status(parsed.get());
  if (outcome != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return bad(std::string("OCSP response not successful: ") + OCSP_response_status_str(outcome));
  }
  BasicPtr basic(OCSP_response_get1_basic(parsed.get()));
  X509* issuer = issuer_of(certificate, chain);
  if (basic == nullptr || issuer == nullptr) return bad("it is of a kind unknown");
  IdPtr id(OCSP_cert_to_id(nullptr, certificate, issuer));
  int status = 0, reason = 0;
  ASN1_GENERALIZEDTIME *revoked = nullptr, *from = nullptr, *next = nullptr;
  if (OCSP_resp_find_status(basic.get(), id.get(), &status, &reason, &revoked, &from, &next) != 1) {
    return bad("certificate status not found in the OCSP response");
  }
  if (OCSP_check_validity(from, next, kClockSkewS, -1) != 1) return bad("it is out of date");
  if (verify && !is_signed(basic.get(), chain, issuer)) return bad("it is not signed rightly");
  if (verify && status != V_OCSP_CERTSTATUS_GOOD) {
    return bad(std::string("certificate status \"") + OCSP_cert_status_str(status) +
               "\" in the OCSP response");
  }
  ERR_clear_error();
  return Staple{std::string(response), next != nullptr ? unix_time(next) : INT64_MAX};
}

}  // namespace pylon::tls
