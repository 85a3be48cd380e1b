#include "plugins/all.h"

namespace pylon::plugins {

using plugin::PluginType;

PluginType request_id();
PluginType ip_restriction();
PluginType key_auth();

std::vector<PluginType> all_plugins() {
  return {
      request_id(),
      ip_restriction(),
      key_auth(),
  };
}

}  // namespace pylon::plugins
