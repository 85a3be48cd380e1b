// What a secret manager is asked: an HTTP request, and the parts that all managers' requests share.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/environment.h"
#include "base/json.h"
#include "base/result.h"
#include "base/secret.h"

namespace pylon::gateway {

constexpr std::string_view kSecretScheme = "$secret://";

// "$secret://vault/1/jack/auth-key": manager "vault/1", path "jack", member "auth-key". With vault
// the member is what follows the last slash, with gcp what follows the secret's name, and empty for
// the secret as a whole. The names of AWS's secrets may have slashes, so only the answer tells
// where the member begins: all of it is the path there, and the member is empty.
struct SecretPath {
  std::string manager;
  std::string path;
  std::string member;
};
Result<SecretPath> parse_secret_reference(std::string_view reference);

struct SecretQuestion {
  std::string method = "GET";
  bool https = false;
  bool ssl_verify = true;
  std::string host;          // IPv6 without brackets
  uint16_t port = 0;         // 0: the scheme's
  std::string target = "/";  // encoded
  std::vector<std::pair<std::string, Secret>> fields;
  std::string body;
};

// An http or https address as a request to it, and its path, decoded and without a last slash.
// `name`: the key it was given with, for the error.
struct SecretAddress {
  SecretQuestion question;
  std::string path;
};
Result<SecretAddress> parse_secret_address(std::string_view name, std::string_view uri);

// The path's segments one after the other, encoded for a request line. Slashes in a row are one; a
// segment of dots, which would leave the prefix, is an error.
Result<std::string> joined_target(std::initializer_list<std::string_view> parts);

// What the key `name` of a manager holds, looked up if it is an $env:// reference.
Result<Secret> credential_of(std::string_view name, std::string_view text,
                             const Environment& environment);

// The members of one secret; what is no text in it is JSON. One with an empty name is the whole.
using SecretMembers = std::vector<std::pair<std::string, Secret>>;

// The members of the JSON object that a text is, without those that are null.
SecretMembers members_of(const Json& object);
// A member of the JSON object that a secret's value is.
Result<Secret> member_of(const Secret& value, std::string_view member);

}  // namespace pylon::gateway
