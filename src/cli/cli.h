// The command line: `pylon start`, `stop`, ... See help.cc for what users are told.
#pragma once

#include "gateway/inherited.h"
#include "gateway/settings.h"

namespace pylon::cli {

// What runs in a gateway process, until it is told to end; its result is the exit status.
using GatewayMain = int (*)(const gateway::Settings& settings, gateway::InheritedSockets inherited);

// Returns the exit status of the process.
int run(int argc, char** argv, GatewayMain gateway_main);

}  // namespace pylon::cli
