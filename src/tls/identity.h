// What is shown to a peer, and what is demanded of it: certificates as the configuration has them.
//
// Nothing is parsed here: that happens when a handshake needs it, in the worker's CredentialCache,
// so that a configuration with many certificates is small and loads fast. Immutable; part of the
// snapshot.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ref.h"
#include "base/regex.h"
#include "base/secret.h"
#include "tls/staple.h"

namespace pylon::tls {

// TLS versions, as a set.
enum Protocols : uint8_t {
  kTls10 = 1,
  kTls11 = 2,
  kTls12 = 4,
  kTls13 = 8,
};
// "TLSv1.2"; 0: no such version that we speak.
uint8_t protocol_named(std::string_view name);
// "TLSv1.2 TLSv1.3"; 0: nothing in it, or something that is no version.
uint8_t protocols_named(std::string_view names);

struct PemPair {
  std::string certificate;  // with the chain behind it
  Secret key;
};

// Client certificates that a server demands.
struct ClientDemand {
  std::string authority;  // PEM
  int depth = 1;
  // The handshake takes any client, and who serves its requests judges them by Agreed::verdict().
  bool by_request = false;
  // With it: requests whose path matches one of these are served all the same.
  std::vector<Regex> exempt_paths;
};

// What a server is by some names.
struct ServerIdentity final : RefCounted {
  uint64_t serial = 0;  // never used twice in a process
  std::string id;       // of the resource, for logs
  std::vector<PemPair> pairs;
  uint8_t protocols = 0;                 // 0: those of the listener
  std::unique_ptr<ClientDemand> client;  // null: any client
  Stapling stapling;
  std::array<unsigned char, 32> trust{};  // digest of `client`: sessions do not cross it
};

// What we are to an upstream.
struct ClientIdentity final : RefCounted {
  uint64_t serial = 0;
  PemPair pair;
};

uint64_t next_identity_serial();
// The digest of a demand, for ServerIdentity::trust.
std::array<unsigned char, 32> trust_digest(std::string_view authority, int depth, bool by_request);

// Who knows the identities by name. Asked on the worker's thread, in a handshake.
class IdentitySource {
 public:
  virtual ~IdentitySource() = default;
  // `name`: lower case, no dot at the end. Null: none. Valid until the loop's next turn.
  virtual const ServerIdentity* find(std::string_view name) const = 0;
};

}  // namespace pylon::tls
