#include "expr/form.h"

#include <algorithm>

#include "http/uri.h"

namespace pylon::expr {

void add_form_value(Json& parts, std::string_view name, Json value) {
  Json* known = parts.find(name);
  if (known == nullptr) {
    parts[name] = std::move(value);
  } else if (known->is_array()) {
    known->push_back(std::move(value));
  } else {
    *known = Json::array({*known, std::move(value)});
  }
}

Json form_values(std::string_view body) {
  Json parts = Json::object();
  Arena arena;
  for (size_t count = 0; !body.empty() && count < kMaxFormParts; ++count) {
    std::string_view pair = body.substr(0, body.find('&'));
    body.remove_prefix(std::min(pair.size() + 1, body.size()));
    size_t equals = pair.find('=');
    std::string_view name = http::decode_argument(pair.substr(0, equals), arena);
    if (name.empty()) continue;
    Json value = true;
    if (equals != pair.npos) value = Json(http::decode_argument(pair.substr(equals + 1), arena));
    add_form_value(parts, name, std::move(value));
  }
  return parts;
}

}  // namespace pylon::expr
