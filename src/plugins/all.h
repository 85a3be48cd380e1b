// The plugins that Pylon has.
#pragma once

#include <string>
#include <vector>

#include "plugin/type.h"

namespace pylon::plugins {

std::vector<plugin::PluginType> all_plugins();

// The manual page docs/plugins.md: each plugin with its phases and the attributes of its documents.
std::string plugin_reference();

}  // namespace pylon::plugins
