// The value of a plain YAML scalar, as YAML 1.1 (and lyaml) reads it. See yaml.h.
#pragma once

#include <string_view>

#include "base/json.h"

namespace pylon {

// null, a boolean, a number, or the text itself. ".inf" and ".nan" stay text: JSON has no such
// number.
Json read_plain_scalar(std::string_view text);

}  // namespace pylon
