#include "admin/patch.h"

#include <string>
#include <utility>

namespace pylon::admin {
namespace {

// An empty object is an empty Lua table, and that counts as an array.
bool is_mergeable(const Json& value) { return value.is_object() && !value.empty(); }

}  // namespace

void merge(Json& value, const Json& patch) {
  for (const auto& [name, part] : patch.members()) {
    if (part.is_null()) {
      value.erase(name);
      continue;
    }
    Json* old = value.find(name);
    if (old != nullptr && is_mergeable(*old) && is_mergeable(part)) {
      merge(*old, part);
    } else {
      value[name] = part;
    }
  }
}

Result<void> replace_at(Json& value, std::string_view sub_path, Json replacement) {
  Json* at = &value;
  size_t begin = 0;
  for (;;) {
    size_t slash = sub_path.find('/', begin);
    if (!at->is_object()) {
      size_t end = begin > 0 ? begin - 1 : 0;
      return fail("invalid sub-path: /" + std::string(sub_path.substr(0, end)));
    }
    std::string_view name = sub_path.substr(begin, slash - begin);
    if (slash == sub_path.npos) {
      if (name.empty()) {
        value = std::move(replacement);
      } else {
        (*at)[name] = std::move(replacement);
      }
      return {};
    }
    at = &(*at)[name];
    if (at->is_null()) *at = Json::object();
    begin = slash + 1;
  }
}

}  // namespace pylon::admin
