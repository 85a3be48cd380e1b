// Usage: is a resource still used, so that it must not be deleted?
// Source: Admin API reference, section 3, last column of the table.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/target.h"
#include "async/task.h"
#include "store/store.h"

namespace pylon::admin {

// Why it cannot be deleted; nothing when nobody uses it. Reads the collections that may refer to
// the kind for values that contain the id and were written after the revision (0: all).
async::Task<store::Outcome<std::optional<std::string>>> who_uses(store::Store& store,
                                                                 const Keys& keys,
                                                                 config::Kind kind, std::string id,
                                                                 int64_t after_revision);

// Hold while nobody writes what may refer to the kind, after the revision.
std::vector<store::Compare> nobody_else_uses(const Keys& keys, config::Kind kind, int64_t revision);

}  // namespace pylon::admin
