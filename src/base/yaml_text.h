// YAML text of a Json value, for people and for clients that ask for it: block style, every text
// quoted that could be read as something else.
#pragma once

#include <string>

#include "base/json.h"

namespace pylon {

std::string to_yaml(const Json& value);

}  // namespace pylon
