// Access: who may use the Admin API. Source: Admin API reference, section 1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "base/secret.h"
#include "http/api.h"

namespace pylon::admin {

enum class Role : uint8_t { admin, viewer };  // a viewer may only read

struct AdminKey {
  std::string name;  // the author of what is written with it
  Secret key;        // an empty one lets nobody in
  Role role = Role::admin;
};

struct AccessRules {
  std::vector<AdminKey> keys;  // none: no key is asked for, as in APISIX
  bool key_required = true;    // false: nor if there are keys
  std::optional<IpSet> allow;  // addresses that may connect; nothing: all
};

class Access {
 public:
  explicit Access(AccessRules rules) : rules_(std::move(rules)) {}

  bool admits(const IpAddress& client) const;

  // The name of the key that the request shows, in the query (api_key), as X-API-KEY or as cookie
  // x_api_key. The error says what is wrong with it. All keys are compared, each in constant time.
  Result<std::string> author_of(const http::ApiRequest& request) const;

 private:
  AccessRules rules_;
};

// The value of a cookie of the request; nothing when it has none of that name.
std::optional<std::string> cookie_of(const http::ApiRequest& request, std::string_view name);

}  // namespace pylon::admin
