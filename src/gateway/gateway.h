// The gateway process: what `pylon start` runs under its supervisor.
#pragma once

#include "gateway/inherited.h"
#include "gateway/settings.h"

namespace pylon::gateway {

// Serves until the supervisor says stop, or the last connection has ended after drain. Returns the
// process's exit status.
int run_gateway(const Settings& settings, InheritedSockets inherited);

}  // namespace pylon::gateway
