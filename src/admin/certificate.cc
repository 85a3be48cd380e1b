#include "admin/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

namespace pylon::admin {
namespace {

template <class T, void (*Free)(T*)>
struct Freeing {
  void operator()(T* object) const { Free(object); }
};
void free_bio(BIO* bio) { BIO_free(bio); }

using Text = std::unique_ptr<BIO, Freeing<BIO, free_bio>>;
using Certificate = std::unique_ptr<X509, Freeing<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freeing<EVP_PKEY, EVP_PKEY_free>>;

Text text_of(std::string_view pem) {
  return Text(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// A key that is locked is refused; without this OpenSSL would ask for a password on the terminal.
int no_password(char*, int, int, void*) { return 0; }

Result<void> check_pair(std::string_view certificate_pem, std::string_view key_pem) {
  Text certificate_text = text_of(certificate_pem);
  Certificate certificate(PEM_read_bio_X509_AUX(certificate_text.get(), nullptr, no_password, {}));
  if (!certificate) return fail("failed to parse cert: PEM_read_bio_X509_AUX() failed");
  if (key_pem.empty()) return {};
  // Keys that are stored have been decrypted before.
  if (!key_pem.starts_with("---")) return fail("failed to decrypt previous encrypted key");
  Text key_text = text_of(key_pem);
  Key key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, no_password, nullptr));
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
