#include "admin/certificate.h"

#include "tls/openssl.h"

namespace pylon::admin {
namespace {

// A key that is locked is refused; without this OpenSSL would ask for a password on the terminal.
int no_password(char*, int, int, void*) { return 0; }

Result<void> check_pair(std::string_view certificate_pem, std::string_view key_pem) {
  tls::BioPtr certificate_text = tls::bio_of(certificate_pem);
  tls::CertificatePtr certificate(
      PEM_read_bio_X509_AUX(certificate_text.get(), nullptr, no_password, {}));
  if (!certificate) return fail("failed to parse cert: PEM_read_bio_X509_AUX() failed");
  if (key_pem.empty()) return {};
  // Keys that are stored have been decrypted before.
  if (!key_pem.starts_with("---")) return fail("failed to decrypt previous encrypted key");
  tls::BioPtr key_text = tls::bio_of(key_pem);
  tls::KeyPtr key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, no_password, nullptr));
  if (!key) return fail("failed to parse key: PEM_read_bio_PrivateKey() failed");
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return fail("the key does not belong to the cert");
  }
  return {};
}

}  // namespace

Result<void> check_certificate(std::string_view certificate, std::string_view key) {
  Result<void> checked = check_pair(certificate, key);
  ERR_clear_error();
  return checked;
}

}  // namespace pylon::admin
