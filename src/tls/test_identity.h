// A server's identity for tests: one certificate, whatever name is asked for.
#pragma once

#include <string_view>

#include "tls/identity.h"
#include "tls/test_certificate.h"

namespace pylon::tls {

class OneName final : public IdentitySource {
 public:
  OneName() {
    TestCertificate certificate = make_test_certificate("a.test");
    identity_.serial = next_identity_serial();
    identity_.pairs.push_back({certificate.pem(), Secret(certificate.key_pem())});
  }
  const ServerIdentity* find(std::string_view) const override { return &identity_; }

 private:
  ServerIdentity identity_;
};

}  // namespace pylon::tls
