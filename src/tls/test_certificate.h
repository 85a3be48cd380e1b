// Certificates made on the spot, for tests: self-signed, or signed by another one.
#pragma once

#include <openssl/x509v3.h>

#include <cstddef>
#include <string>

#include "tls/openssl.h"

namespace pylon::tls {

struct TestCertificate {
  CertificatePtr certificate;
  KeyPtr key;

  std::string pem() const {
    BioPtr bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), certificate.get());
    return text_of(*bio);
  }
  std::string key_pem() const {
    BioPtr bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    return text_of(*bio);
  }

 private:
  static std::string text_of(BIO& bio) {
    char* data = nullptr;
    auto size = static_cast<size_t>(BIO_get_mem_data(&bio, &data));
    return {data, size};
  }
};

// `issuer` null: self-signed, an authority. `rsa`: an RSA key in place of P-256.
inline TestCertificate make_test_certificate(const std::string& name,
                                             const TestCertificate* issuer = nullptr,
                                             bool rsa = false) {
  static long serial = 0;
  TestCertificate made;
  made.key.reset(rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256"));
  made.certificate.reset(X509_new());
  X509* certificate = made.certificate.get();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  auto extend = [&](int nid, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  };
  extend(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
  extend(NID_subject_alt_name, "DNS:" + name);
  const TestCertificate& signer = issuer == nullptr ? made : *issuer;
  X509_set_issuer_name(certificate, X509_get_subject_name(signer.certificate.get()));
  X509_sign(certificate, signer.key.get(), EVP_sha256());
  return made;
}

}  // namespace pylon::tls
