#include "plugins/all.h"

namespace pylon::plugins {

using plugin::PluginType;

PluginType request_id();
PluginType ip_restriction();
PluginType key_auth();
PluginType limit_count();
PluginType forward_auth();

std::vector<PluginType> all_plugins() {
  return {
      request_id(),
      ip_restriction(),
      key_auth(),
      limit_count(),
      forward_auth(),
  };
}

}  // namespace pylon::plugins
