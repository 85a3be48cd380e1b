// The tables' definition and the steps that lead an older file to it.
#pragma once

#include <cstdint>

#include "store/embedded/database.h"

namespace pylon::store::embedded {

constexpr int64_t kSchemaVersion = 1;

// Makes the tables in a new file, or brings an older file up to kSchemaVersion.
Outcome<void> prepare_schema(Database& database);

}  // namespace pylon::store::embedded
