// What the Admin API and the Control API tell about all plugins.
#pragma once

#include "base/json.h"
#include "plugin/catalogue.h"

namespace pylon::plugin {

// {name: {version, priority, schema, metadata_schema, consumer_schema, type, scope}} of the enabled
// plugins of a subsystem; what a plugin does not have is left out.
Json describe_all(const Catalogue& catalogue, Subsystem subsystem);

}  // namespace pylon::plugin
