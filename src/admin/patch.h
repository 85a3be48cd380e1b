// What PATCH does to a stored value. Source: Admin API reference, section 3; APISIX core/table.lua
// (merge, patch).
#pragma once

#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace pylon::admin {

// Objects are merged; arrays, scalars and empty objects replace; null removes. Both are objects.
void merge(Json& value, const Json& patch);

// Replaces what is at the path ("upstream/nodes"); missing parents are made. An empty last segment
// means the whole value.
Result<void> replace_at(Json& value, std::string_view sub_path, Json replacement);

}  // namespace pylon::admin
