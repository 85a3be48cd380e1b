#include "admin/access.h"

#include "base/strings.h"

namespace pylon::admin {
namespace {

std::optional<std::string> shown_key(const http::ApiRequest& request) {
  std::string key;
  if (request.argument("api_key", key)) return key;
  if (std::string_view field = request.field("X-API-KEY"); field.data() != nullptr) {
    return std::string(field);
  }
  return cookie_of(request, "x_api_key");
}

}  // namespace

std::optional<std::string> cookie_of(const http::ApiRequest& request, std::string_view name) {
  for (std::string_view pair : split(request.field("Cookie"), ';')) {
    pair = trim(pair);
    size_t equals = pair.find('=');
    if (equals == pair.npos || pair.substr(0, equals) != name) continue;
    return std::string(pair.substr(equals + 1));
  }
  return std::nullopt;
}

bool Access::admits(const IpAddress& client) const {
  return !rules_.allow || rules_.allow->contains(client.unmapped());
}

Result<std::string> Access::author_of(const http::ApiRequest& request) const {
  if (!rules_.key_required || rules_.keys.empty()) return std::string();
  std::optional<std::string> shown = shown_key(request);
  if (!shown) return fail("missing apikey");
  const AdminKey* found = nullptr;
  for (const AdminKey& key : rules_.keys) {
    bool equal = key.key.equals(*shown);
    if (equal && !key.key.empty() && found == nullptr) found = &key;
  }
  if (found == nullptr) return fail("wrong apikey");
  if (found->role == Role::viewer && request.method != "GET") {
    return fail("invalid method for role viewer");
  }
  return found->name;
}

}  // namespace pylon::admin
