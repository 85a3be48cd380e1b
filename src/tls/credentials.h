// Certificates and keys as OpenSSL wants them, parsed when first needed, and the bounded cache that
// keeps them. Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "tls/identity.h"
#include "tls/openssl.h"

namespace pylon::tls {

struct KeyPair {
  CertificatePtr certificate;
  ChainPtr chain;
  KeyPtr key;

  static Result<KeyPair> parse(std::string_view certificate_pem, std::string_view key_pem);
  // Shows it in this connection.
  bool show(SSL* ssl) const;
};

// The key of a PEM text; null: it is no RSA key, or one behind a password.
KeyPtr parse_rsa_key(std::string_view pem);

// The certificates of authorities: whom to trust.
Result<StorePtr> parse_authorities(std::string_view pem);

// One identity, parsed.
struct Credentials {
  std::vector<KeyPair> pairs;
  StorePtr authority;                     // null: clients need no certificate
  std::vector<CertificatePtr> announced;  // the authorities' certificates, told to clients
  std::string problem;                    // why it cannot be used; empty: it can
};

class CredentialCache {
 public:
  static constexpr size_t kMost = 1024;

  // Valid until the next call.
  const Credentials& of(const ServerIdentity& identity);
  const Credentials& of(const ClientIdentity& identity);
  size_t size() const { return index_.size(); }
  uint64_t evicted() const { return evicted_; }  // so far, to make room

 private:
  struct Entry {
    uint64_t serial;
    Credentials credentials;
  };
  const Credentials* find(uint64_t serial);
  const Credentials& keep(uint64_t serial, Credentials credentials);

  std::list<Entry> entries_;  // the one used last comes first
  std::unordered_map<uint64_t, std::list<Entry>::iterator> index_;
  uint64_t evicted_ = 0;
};

}  // namespace pylon::tls
