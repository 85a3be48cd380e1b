#include "http/tls_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/strings.h"
#include "http/exchange.h"
#include "tls/stream.h"

namespace pylon::http {
namespace {

std::string text_of(BIO& bio) {
  char* data = nullptr;
  auto size = static_cast<size_t>(BIO_get_mem_data(&bio, &data));
  return {data, size};
}

std::string name_text(const X509_NAME* name) {
  tls::BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
  return text_of(*bio);
}

// "/O=y/CN=x"
std::string legacy_name_text(const X509_NAME* name) {
  char* line = X509_NAME_oneline(name, nullptr, 0);
  std::string text = line != nullptr ? line : "";
  OPENSSL_free(line);
  return text;
}

std::string time_text(const ASN1_TIME* time) {
  tls::BioPtr bio(BIO_new(BIO_s_mem()));
  ASN1_TIME_print(bio.get(), time);
  return text_of(*bio);
}

std::string serial_text(X509* certificate) {
  tls::BioPtr bio(BIO_new(BIO_s_mem()));
  i2a_ASN1_INTEGER(bio.get(), X509_get0_serialNumber(certificate));
  return text_of(*bio);
}

std::string fingerprint_text(X509* certificate) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  X509_digest(certificate, EVP_sha1(), digest, &size);
  return hex_encode({reinterpret_cast<const char*>(digest), size});
}

std::string pem_text(X509* certificate) {
  tls::BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  return text_of(*bio);
}

// As nginx's $ssl_client_cert: fit to be a header field of old.
std::string as_field(std::string_view pem) {
  while (pem.ends_with('\n')) pem.remove_suffix(1);
  std::string field;
  for (char c : pem) {
    field += c;
    if (c == '\n') field += '\t';
  }
  return field;
}

std::string verify_text(const tls::Agreed& agreed) {
  switch (agreed.verdict()) {
    case tls::PeerVerdict::none:
      return "NONE";
    case tls::PeerVerdict::verified:
      return "SUCCESS";
    case tls::PeerVerdict::failed:
      break;
  }
  return std::string("FAILED:") + X509_verify_cert_error_string(agreed.verified);
}

std::string number_text(unsigned number) { return fmt::format("0x{:04x}", number); }

std::string group_text(int nid) {
  if ((nid & TLSEXT_nid_unknown) != 0) return number_text(nid & 0xffff);
  const char* name = OBJ_nid2sn(nid);
  return name != nullptr ? name : "";
}

std::string groups_text(const std::vector<int>& groups) {
  std::string text;
  for (int group : groups) {
    if (!text.empty()) text += ':';
    text += group_text(group);
  }
  return text;
}

// OpenSSL knows the names of ciphers by connection only: this one is never used.
SSL* dictionary() {
  static thread_local tls::SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  static thread_local tls::SslPtr ssl(SSL_new(context.get()));
  return ssl.get();
}

std::string ciphers_text(std::string_view codes) {
  std::string text;
  for (size_t i = 0; i + 1 < codes.size(); i += 2) {
    if (!text.empty()) text += ':';
    const auto* code = reinterpret_cast<const unsigned char*>(codes.data()) + i;
    const SSL_CIPHER* cipher = SSL_CIPHER_find(dictionary(), code);
    text += cipher != nullptr ? SSL_CIPHER_get_name(cipher)
                              : number_text(static_cast<unsigned>(code[0] << 8 | code[1]));
  }
  return text;
}

std::string days_remaining(const X509* certificate) {
  int days = 0, seconds = 0;
  if (ASN1_TIME_diff(&days, &seconds, nullptr, X509_get0_notAfter(certificate)) != 1) return {};
  return std::to_string(std::max(days, 0));
}

std::string client_fact(X509* certificate, TlsFact fact) {
  switch (fact) {
    case TlsFact::client_subject:
      return name_text(X509_get_subject_name(certificate));
    case TlsFact::client_issuer:
      return name_text(X509_get_issuer_name(certificate));
    case TlsFact::client_subject_legacy:
      return legacy_name_text(X509_get_subject_name(certificate));
    case TlsFact::client_issuer_legacy:
      return legacy_name_text(X509_get_issuer_name(certificate));
    case TlsFact::client_serial:
      return serial_text(certificate);
    case TlsFact::client_fingerprint:
      return fingerprint_text(certificate);
    case TlsFact::client_start:
      return time_text(X509_get0_notBefore(certificate));
    case TlsFact::client_end:
      return time_text(X509_get0_notAfter(certificate));
    case TlsFact::client_days_remaining:
      return days_remaining(certificate);
    case TlsFact::client_pem_field:
      return as_field(pem_text(certificate));
    case TlsFact::client_pem_escaped:
      return percent_encode(pem_text(certificate));
    default:
      return pem_text(certificate);
  }
}

std::string fact_text(const tls::Agreed& agreed, TlsFact fact) {
  switch (fact) {
    case TlsFact::protocol:
      return std::string(agreed.protocol);
    case TlsFact::cipher:
      return std::string(agreed.cipher);
    case TlsFact::ciphers:
      return ciphers_text(agreed.offered_ciphers);
    case TlsFact::curve:
      return group_text(agreed.group);
    case TlsFact::curves:
      return groups_text(agreed.offered_groups);
    case TlsFact::server_name:
      return agreed.server_name;
    case TlsFact::alpn:
      return agreed.alpn;
    case TlsFact::session_id:
      return hex_encode(agreed.session_id);
    case TlsFact::session_reused:
      return agreed.resumed ? "r" : ".";
    case TlsFact::early_data:
      return {};  // never taken
    case TlsFact::client_verify:
      return verify_text(agreed);
    default:
      return agreed.peer != nullptr ? client_fact(agreed.peer.get(), fact) : std::string();
  }
}

}  // namespace

std::string_view tls_fact(Exchange& exchange, TlsFact fact) {
  if (exchange.tls == nullptr) return {};
  std::string text = fact_text(exchange.tls->agreed(), fact);
  return text.empty() ? std::string_view() : exchange.arena.copy(text);
}

}  // namespace pylon::http
