// The values of a form or of a query, as JSON.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/json.h"

namespace pylon::expr {

constexpr size_t kMaxFormParts = 1000;  // more are ignored

// "a=1&b=2&a=3" -> {"a":["1","3"],"b":"2"}; a name without '=' is true. Decoded once.
Json form_values(std::string_view text);

// One more value of that name: the second makes an array.
void add_form_value(Json& values, std::string_view name, Json value);

}  // namespace pylon::expr
