// HashiCorp Vault's key/value engines, versions 1 and 2: what to ask, and what the answer says.
// Source: Vault API, "KV secrets engine"; APISIX 3.18 secret/vault.lua.
#pragma once

#include <string_view>

#include "config/secret_manager.h"
#include "gateway/secret_question.h"

namespace pylon::gateway {

// The path of version 2 has "data" behind the mount: prefix "secret/data". The token may be an
// $env:// reference.
Result<SecretQuestion> vault_question(const config::VaultSecret& manager, std::string_view path,
                                      const Environment& environment);

Result<SecretMembers> read_vault_answer(int status, std::string_view body);

}  // namespace pylon::gateway
