#include "admin/certificate.h"

#include <gtest/gtest.h>

#include <string>

#include "tls/test_certificate.h"

namespace pylon::admin {
namespace {

std::string fault(std::string_view certificate, std::string_view key) {
  Result<void> checked = check_certificate(certificate, key);
  return checked ? "" : checked.error().message;
}

TEST(Certificate, ChecksTheCertificateAndItsKey) {
  tls::TestCertificate one = tls::make_test_certificate("one.test");
  tls::TestCertificate other = tls::make_test_certificate("other.test");
  std::string certificate = one.pem(), key = one.key_pem();
  EXPECT_EQ(fault(certificate, key), "");
  EXPECT_EQ(fault(certificate, ""), "");
  EXPECT_EQ(fault(certificate + other.pem(), key), "");
  EXPECT_EQ(fault(certificate, other.key_pem()), "the key does not belong to the cert");
  EXPECT_EQ(fault(certificate, certificate),
            "failed to parse key: PEM_read_bio_PrivateKey() failed");
  EXPECT_EQ(fault(certificate, "no PEM"), "failed to decrypt previous encrypted key");
  EXPECT_EQ(fault("", key), "failed to parse cert: PEM_read_bio_X509_AUX() failed");
  EXPECT_EQ(fault(key, key), "failed to parse cert: PEM_read_bio_X509_AUX() failed");
}

}  // namespace
}  // namespace pylon::admin
