// Usage: is a resource still used, so that it must not be deleted?
// Source: Admin API reference, section 3, last column of the table.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/target.h"
#include "async/task.h"
#include "base/hash.h"
#include "store/store.h"

namespace pylon::admin {

// Why these of a kind cannot be deleted; nothing when nobody uses them. Reads the collections that
// may refer to the kind. `counts`: whether the user under that key does; empty: all do.
using Counts = std::function<bool(std::string_view key)>;
async::Task<store::Outcome<std::optional<std::string>>> who_uses(store::Store& store,
                                                                 const Keys& keys,
                                                                 config::Kind kind, StringSet ids,
                                                                 Counts counts = {});

// The same of one, of which `some` keys are known that probably use it: these are looked at first.
async::Task<store::Outcome<std::optional<std::string>>> first_user(store::Store& store,
                                                                   const Keys& keys,
                                                                   config::Kind kind,
                                                                   std::string id,
                                                                   std::vector<std::string> some);

// Hold while nobody writes what may refer to the kind, after the revision.
std::vector<store::Compare> nobody_else_uses(const Keys& keys, config::Kind kind, int64_t revision);

}  // namespace pylon::admin
