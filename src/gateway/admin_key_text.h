// Puts generated admin keys into the text of a config.yaml, leaving every other byte as it is.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace pylon::gateway {

constexpr size_t kAdminKeyLetters = 32;

std::string generate_admin_key();

// The text with `key` in place of the empty key of deployment.admin.admin_key[index]; where the
// file has no admin_key, one is added. The result is parsed again: unless it is the old
// configuration with that one key in it, an error says what to do by hand.
Result<std::string> with_admin_key(std::string_view text, size_t index, std::string_view key);

}  // namespace pylon::gateway
