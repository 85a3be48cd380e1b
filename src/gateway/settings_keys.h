// The tables of every key that config.yaml may have: one row each. Validation, the search for the
// nearest known key and docs/configuration.md come from them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/settings_types.h"

namespace pylon::gateway {

enum class Standing : uint8_t {
  honoured,
  later,    // a feature that this version does not have
  ignored,  // about nginx's or OpenResty's inside; means nothing here
};

struct Key {
  // "apisix.router.http"; "apisix.node_listen[].port" is a member of a list's items.
  std::string_view path;
  KeyType type;
  // What it is for; of a key that is not honoured: what does not happen, or who does it instead.
  std::string_view doc;
  Standing standing = Standing::honoured;
};

// By section, in the order of the reference page.
std::span<const Key> apisix_keys();
std::span<const Key> nginx_keys();
std::span<const Key> deployment_keys();
std::span<const Key> plugin_keys();
std::span<const Key> pylon_keys();

const std::vector<Key>& all_keys();
const Key* find_key(std::string_view path);
// Whether some known key lies below this path.
bool is_section(std::string_view path);

// docs/configuration.md.
std::string configuration_page();

}  // namespace pylon::gateway
