// Usage: is a resource still used, so that it must not be deleted?
// Source: Admin API reference, section 3, last column of the table.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "admin/target.h"
#include "async/task.h"
#include "store/store.h"

namespace pylon::admin {

// Why it cannot be deleted; nothing when nobody uses it. Reads the collections that may refer to
// the kind for values that contain the id.
async::Task<store::Outcome<std::optional<std::string>>> who_uses(store::Store& store,
                                                                 const Keys& keys,
                                                                 config::Kind kind, std::string id);

}  // namespace pylon::admin
