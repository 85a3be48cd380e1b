// HashiCorp Vault's key/value engines, versions 1 and 2: what to ask, and what the answer says.
// Source: Vault API, "KV secrets engine"; APISIX 3.18 secret/vault.lua.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/environment.h"
#include "base/result.h"
#include "base/secret.h"
#include "config/secret_manager.h"

namespace pylon::gateway {

// "$secret://vault/1/jack/auth-key": manager "vault/1", path "jack", member "auth-key". The names
// of AWS's secrets may have slashes, so only the answer tells where the member begins: all of it is
// the path there, and the member is empty.
struct SecretPath {
  std::string manager;
  std::string path;
  std::string member;
};
Result<SecretPath> parse_secret_reference(std::string_view reference);

struct VaultQuestion {
  bool https = false;
  std::string host;   // IPv6 without brackets
  uint16_t port = 0;  // 0: the scheme's
  std::string target;
  Secret token;
  std::string namespace_name;
};
// The path of version 2 has "data" behind the mount: prefix "secret/data". The token may be an
// $env:// reference.
Result<VaultQuestion> vault_question(const config::VaultSecret& manager, std::string_view path,
                                     const Environment& environment);

// The members of one secret; what is no text in it is JSON.
using SecretMembers = std::vector<std::pair<std::string, Secret>>;
Result<SecretMembers> read_vault_answer(int status, std::string_view body);

}  // namespace pylon::gateway
