// Paths into a JSON value, as `post_arg.<path>` has them.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/json.h"

namespace pylon::expr {

// "a.b.c": members of objects, one within the other. Null: absent.
const Json* find_dotted(const Json& root, std::string_view path);

// Whether the path needs find_all: it holds '[', '*' or "..".
bool is_json_path(std::string_view path);

// A JSONPath without its "$.": names, .*, [*], [0], [-1], ['name'], ..name. An array of all that is
// found, at most kMaxFound; null when the path is not valid.
constexpr size_t kMaxFound = 65536;
bool is_valid_json_path(std::string_view path);
Json find_all(const Json& root, std::string_view path);

}  // namespace pylon::expr
