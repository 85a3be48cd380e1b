// StoredValues: the values of the store as they are meant: decrypted, and with secrets in the place
// of references.
//
//   $env://NAME                          the environment variable
//   $env://NAME/member                   of the JSON object that it holds
//   $secret://manager/id/path/member     see secret_store.h
//
// References stand in the plugins of any resource, and for the certificates and keys of an ssl
// object. One that cannot be resolved (yet) stays as it is and is logged: an auth plugin then finds
// nobody by it. Source: APISIX docs "Secret", core/env.lua, secret.lua.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/environment.h"
#include "gateway/secret_store.h"
#include "plugin/field_cipher.h"
#include "snapshot/value_reader.h"

namespace pylon::gateway {

class StoredValues final : public snapshot::ValueReader {
 public:
  // The cipher must outlive it.
  StoredValues(const plugin::FieldCipher& cipher, Environment environment)
      : cipher_(cipher), environment_(std::move(environment)) {}

  // From now on $secret:// references are answered from there; it must outlive this.
  void use(SecretStore& secrets) { secrets_ = &secrets; }

  // snapshot::ValueReader
  bool decrypt(config::Kind kind, Json& value) const override;
  void resolve(config::Kind kind, std::string_view id, Json* value) override;
  std::string redacted(std::string message) const override;

 private:
  void resolve_all(Json& value);
  void resolve_one(Json& value);
  Result<Secret> find(std::string_view reference, bool& pending);

  const plugin::FieldCipher& cipher_;
  Environment environment_;
  SecretStore* secrets_ = nullptr;
  SecretUser reading_{};
  std::vector<std::pair<std::string, Secret>> resolved_;  // references in what was read last
};

// The value of "$env://NAME" or "$env://NAME/member", the prefix in any case.
Result<std::string> find_in_environment(std::string_view reference, const Environment& environment);

}  // namespace pylon::gateway
