// What differs between two JSON values, for people.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace pylon::admin {

struct FieldDifference {
  std::string path;              // JSON pointer (RFC 6901); "" is the whole value
  const Json* before = nullptr;  // null: it was not there; into the values compared
  const Json* after = nullptr;
};

// Objects and arrays of the same length are compared member by member, all else as it is.
std::vector<FieldDifference> differences(const Json& before, const Json& after);

}  // namespace pylon::admin
