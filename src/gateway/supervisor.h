// The supervisor: the small process behind `pylon start`. It owns the listening sockets, starts the
// gateway process on them, and starts it again when it dies.
//
//   SIGTERM, SIGINT  stop: requests under way get pylon.stop_timeout; a second signal ends at once
//   SIGQUIT          quit: they get nginx_config.worker_shutdown_timeout
//   SIGHUP           reload: config.yaml is read again and a new gateway process is started on
//                    the same sockets; when it serves, the old one drains. A config.yaml with an
//                    error, or a new process that does not come up, leaves the old one serving.
//                    Four old ones may drain; a reload waits 5 s for one of them to end, and then
//                    the oldest is stopped
//   SIGUSR1          log files are opened anew
//
// A reload also starts a newer binary, if the file was replaced. One supervisor per prefix.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gateway/config_file.h"

namespace pylon::gateway {

enum class Ending : uint8_t { stopped, already_running, cannot_listen, failed };

struct SupervisorResult {
  Ending ending = Ending::stopped;
  std::string message;  // for people; empty when stopped
};

struct SupervisorOptions {
  ConfigFile file;
  std::string pid_path;  // "logs/pylon.pid" under the prefix
  std::string program;   // of the gateway process
  std::vector<std::string> arguments;
  std::function<void()> on_serving;  // the first gateway process serves; may be empty
};

// Runs until told to stop. `config` is what was read from options.file; it must be ok(). Takes
// over the process's signals and children: at most one call at a time.
SupervisorResult supervise(const SupervisorOptions& options, LoadedConfig config);

}  // namespace pylon::gateway
