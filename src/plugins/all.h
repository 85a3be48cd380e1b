// The plugins that Pylon has.
#pragma once

#include <string>
#include <vector>

#include "plugin/type.h"

namespace pylon::plugins {

std::vector<plugin::PluginType> all_plugins();

// The manual page docs/plugins/reference.md: each plugin with its phases and its fields.
std::string plugin_reference();

}  // namespace pylon::plugins
