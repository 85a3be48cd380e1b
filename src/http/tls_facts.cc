#include "http/tls_facts.h"

#include <string>

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

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    if (kPlain.find(c) != kPlain.npos) {
      out += c;
      continue;
    }
    auto octet = static_cast<unsigned char>(c);
    out += '%';
    out += kDigits[octet >> 4];
    out += kDigits[octet & 15];
  }
  return out;
}

std::string verify_text(const tls::Stream& stream) {
  switch (stream.peer_verdict()) {
    case tls::PeerVerdict::none:
      return "NONE";
    case tls::PeerVerdict::verified:
      return "SUCCESS";
    case tls::PeerVerdict::failed:
      break;
  }
  return "FAILED:" + stream.peer_problem();
}

std::string session_id(SSL* ssl) {
  unsigned size = 0;
  const SSL_SESSION* session = SSL_get_session(ssl);
  if (session == nullptr) return {};
  const unsigned char* id = SSL_SESSION_get_id(session, &size);
  return hex_encode({reinterpret_cast<const char*>(id), size});
}

std::string curve(SSL* ssl) {
  const char* name = OBJ_nid2sn(static_cast<int>(SSL_get_negotiated_group(ssl)));
  return name != nullptr ? name : "";
}

std::string client_fact(X509* certificate, TlsFact fact) {
  switch (fact) {
    case TlsFact::client_subject:
      return name_text(X509_get_subject_name(certificate));
    case TlsFact::client_issuer:
      return name_text(X509_get_issuer_name(certificate));
    case TlsFact::client_serial:
      return serial_text(certificate);
    case TlsFact::client_fingerprint:
      return fingerprint_text(certificate);
    case TlsFact::client_start:
      return time_text(X509_get0_notBefore(certificate));
    case TlsFact::client_end:
      return time_text(X509_get0_notAfter(certificate));
    case TlsFact::client_pem_field:
      return as_field(pem_text(certificate));
    case TlsFact::client_pem_escaped:
      return percent_encoded(pem_text(certificate));
    default:
      return pem_text(certificate);
  }
}

std::string fact_text(const tls::Stream& stream, TlsFact fact) {
  switch (fact) {
    case TlsFact::protocol:
      return std::string(stream.protocol());
    case TlsFact::cipher:
      return std::string(stream.cipher());
    case TlsFact::curve:
      return curve(stream.ssl());
    case TlsFact::server_name:
      return std::string(stream.server_name());
    case TlsFact::alpn:
      return std::string(stream.alpn());
    case TlsFact::session_id:
      return session_id(stream.ssl());
    case TlsFact::session_reused:
      return stream.resumed() ? "r" : ".";
    case TlsFact::client_verify:
      return verify_text(stream);
    default:
      break;
  }
  X509* certificate = SSL_get0_peer_certificate(stream.ssl());
  return certificate != nullptr ? client_fact(certificate, fact) : std::string();
}

}  // namespace

std::string_view tls_fact(Exchange& exchange, TlsFact fact) {
  if (exchange.tls == nullptr || exchange.tls->ssl() == nullptr) return {};
  std::string text = fact_text(*exchange.tls, fact);
  return text.empty() ? std::string_view() : exchange.arena.copy(text);
}

}  // namespace pylon::http
