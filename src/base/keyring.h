// Keyring: the keys that secrets in the store are encrypted with.
//
// AES-CBC with PKCS#7 padding; a key of 16 bytes means AES-128, one of 32 AES-256, and the first 16
// bytes of the key are the initialisation vector, so the same text always gives the same. The first
// key encrypts, any may decrypt. What comes out is base64. That hides secrets from who sees the
// store and not the keys; it does not hide that two are equal.
// Source: APISIX 3.18 core/data_encryption.lua, docs "plugin develop", encrypted storage fields.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"

namespace pylon {

class Keyring {
 public:
  // Keys of other lengths are left out.
  explicit Keyring(std::vector<Secret> keys = {});

  bool empty() const { return keys_.empty(); }
  // The text itself when there is no key.
  std::string encrypt(std::string_view plain) const;
  // Nothing when no key fits. The padding of a wrong key is right by chance once in 256 times, so
  // only what is valid UTF-8 counts.
  std::optional<std::string> decrypt(std::string_view text) const;

 private:
  std::vector<Secret> keys_;
};

}  // namespace pylon
