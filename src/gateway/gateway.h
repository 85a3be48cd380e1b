// The gateway process: what `pylon start` runs under its supervisor.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "gateway/inherited.h"
#include "gateway/settings.h"

namespace pylon::gateway {

// Serves until the supervisor says stop, or the last connection has ended after drain. Returns the
// process's exit status.
int run_gateway(const Settings& settings, InheritedSockets inherited);

// Reads the certificates and keys that the configuration names, as a gateway that starts does. The
// error names the setting.
Result<void> check_files(const Settings& settings);

// One object of the store that would not be served as it is stored.
struct StoredFault {
  std::string object;  // "/apisix/routes/1", or the file that could not be read
  std::string reason;
};
struct StoredReport {
  size_t objects = 0;
  std::vector<StoredFault> faults;
};

// Opens the store that the configuration names, for no gateway runs, and judges all that is in it
// as a gateway that starts does. Blocks. Nothing is served and nothing is changed, but that items
// whose time to live is over go. The error says why the store cannot be read.
Result<StoredReport> check_stored_objects(const Settings& settings);

}  // namespace pylon::gateway
