// Small files that must survive: written beside, synced, renamed over. Blocks.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/store.h"

namespace pylon::store {

// Readers, and whoever starts after a crash, see the old text or the new. Mode 0600.
Outcome<void> write_durably(const std::string& path, std::string_view text);

// Nothing when there is no such file.
Outcome<std::optional<std::string>> read_whole(const std::string& path);

}  // namespace pylon::store
