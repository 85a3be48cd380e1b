// FieldCipher: secrets in resources, encrypted as they lie in the store.
//
// Encrypted are the fields that plugins mark as such, private keys of ssl objects, and the client
// key of an upstream. What APISIX has written is read, and the other way round.
// Source: APISIX docs "plugin develop", encrypted storage fields; admin/*.lua, ssl.lua.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "base/keyring.h"
#include "config/resource.h"
#include "plugin/catalogue.h"

namespace pylon::plugin {

// Any thread may use one.
class FieldCipher {
 public:
  // `plugin_fields` false: private keys only, as with apisix.data_encryption.enable_encrypt_fields
  // off. The catalogue must outlive it.
  FieldCipher(const Catalogue& catalogue, Keyring keyring, bool plugin_fields)
      : catalogue_(catalogue), keyring_(std::move(keyring)), plugin_fields_(plugin_fields) {}

  // A value as it is stored. Private keys that are not PEM are encrypted already, or references.
  void encrypt(config::Kind kind, Json& value) const;
  // A stored value as it is meant. What no key decrypts stays: it was stored before there was one.
  void decrypt(config::Kind kind, Json& value) const;
  // The fields of plugins alone, as the Admin API shows them.
  void decrypt_plugins(config::Kind kind, Json& value) const;
  // Private keys alone, as they are checked.
  void decrypt_keys(config::Kind kind, Json& value) const;

 private:
  enum class Way : uint8_t { encrypt, decrypt };

  void turn_plugins(config::Kind kind, Json& value, Way way) const;
  void turn_plugin(std::string_view name, Json& conf, Document document, Way way) const;
  void turn_at(Json& value, std::string_view path, Way way) const;
  void turn(Json& value, Way way) const;
  void turn_keys(config::Kind kind, Json& value, Way way) const;
  void turn_key(Json* key, Way way) const;

  const Catalogue& catalogue_;
  Keyring keyring_;
  bool plugin_fields_;
};

}  // namespace pylon::plugin
