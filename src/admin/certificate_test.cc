#include "admin/certificate.h"

#include <gtest/gtest.h>

#include <string>

#include "admin/test_certificate.h"

namespace pylon::admin {
namespace {

std::string fault(std::string_view certificate, std::string_view key) {
  Result<void> checked = check_certificate(certificate, key);
  return checked ? "" : checked.error().message;
}

TEST(Certificate, ChecksTheCertificateAndItsKey) {
  TestCertificate one = make_certificate();
  TestCertificate other = make_certificate();
  EXPECT_EQ(fault(one.certificate, one.key), "");
  EXPECT_EQ(fault(one.certificate, ""), "");
  EXPECT_EQ(fault(one.certificate + other.certificate, one.key), "");
  EXPECT_EQ(fault(one.certificate, other.key), "the key does not belong to the cert");
  EXPECT_EQ(fault(one.certificate, one.certificate),
            "failed to parse key: PEM_read_bio_PrivateKey() failed");
  EXPECT_EQ(fault(one.certificate, "no PEM"), "failed to decrypt previous encrypted key");
  EXPECT_EQ(fault("", one.key), "failed to parse cert: PEM_read_bio_X509_AUX() failed");
  EXPECT_EQ(fault(one.key, one.key), "failed to parse cert: PEM_read_bio_X509_AUX() failed");
}

}  // namespace
}  // namespace pylon::admin
