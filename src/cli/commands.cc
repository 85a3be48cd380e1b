#include "cli/commands.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

#include "gateway/etcd_side.h"
#include "gateway/gateway.h"
#include "gateway/pid_file.h"

namespace pylon::cli {
namespace {

using gateway::Finding;
using gateway::LoadedConfig;

constexpr int kStopPatienceMs = 75'000;
constexpr int kPollMs = 20;

std::string absolute(const std::string& path) {
  std::error_code error;
  std::filesystem::path out = std::filesystem::weakly_canonical(path, error);
  return error ? path : out.string();
}

// Sends the signal to the supervisor of this prefix. Nothing when none runs.
std::optional<pid_t> signal_running(const Place& place, int signo) {
  auto pid = gateway::running_pid(place.pid_path);
  if (!pid || kill(*pid, signo) != 0) {
    fmt::print(stderr, "Pylon is not running in {}; `pylon start` starts it\n", place.prefix);
    return std::nullopt;
  }
  return pid;
}

bool await_stopped(const Place& place) {
  for (int waited_ms = 0; waited_ms < kStopPatienceMs; waited_ms += kPollMs) {
    if (!gateway::running_pid(place.pid_path)) return true;
    timespec pause{.tv_sec = 0, .tv_nsec = kPollMs * 1'000'000};
    nanosleep(&pause, nullptr);
  }
  return false;
}

bool make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) fmt::print(stderr, "cannot make the folder {}: {}\n", path, error.message());
  return !error;
}

}  // namespace

Place::Place(const Options& options)
    : prefix(absolute(options.prefix)),
      file(gateway::ConfigFile::locate(prefix, options.config, gateway::process_environment())),
      pid_path(prefix + "/logs/pylon.pid") {}

LoadedConfig load_and_report(const Place& place, bool fill_keys) {
  LoadedConfig config = gateway::load_config(place.file, gateway::process_environment(),
                                             {.fill_keys = fill_keys, .known_key = {}});
  for (const Finding& finding : config.parsed.findings) {
    fmt::print(stderr, "{}{}\n",
               finding.error ? "error: " : "warning: ", finding.text(place.file.path));
  }
  if (!config.ok() && access(place.file.path.c_str(), F_OK) != 0) {
    fmt::print(stderr, "`pylon init` writes one to begin with\n");
  }
  return config;
}

namespace {

// What a gateway could start with, also as to the files that it names. Nothing: it was told why
// not.
std::optional<LoadedConfig> usable_config(const Place& place) {
  LoadedConfig config = load_and_report(place, false);
  if (!config.ok()) return std::nullopt;
  Result<void> files = gateway::check_files(config.parsed.settings);
  if (files) return config;
  fmt::print(stderr, "error: {}: {}\n", place.file.path, files.error().message);
  return std::nullopt;
}

}  // namespace

int stop(const Options& options) {
  Place place(options);
  auto pid = signal_running(place, SIGTERM);
  if (!pid) return kNotInState;
  if (!await_stopped(place)) {
    fmt::print(stderr, "process {} has not ended; kill -9 {} ends it\n", *pid, *pid);
    return kFailure;
  }
  fmt::print("stopped\n");
  return kOk;
}

int quit(const Options& options) {
  auto pid = signal_running(Place(options), SIGQUIT);
  if (!pid) return kNotInState;
  fmt::print("process {} ends when its requests are finished\n", *pid);
  return kOk;
}

int reload(const Options& options) {
  Place place(options);
  if (!usable_config(place)) {
    fmt::print(stderr, "not reloaded: the running configuration stays in force\n");
    return kBadConfig;
  }
  auto pid = signal_running(place, SIGHUP);
  if (!pid) return kNotInState;
  fmt::print("process {} reloads; the error log tells if it cannot\n", *pid);
  return kOk;
}

int restart(const Options& options) {
  Place place(options);
  if (!usable_config(place)) {
    fmt::print(stderr, "not restarted: Pylon runs on as it did\n");
    return kBadConfig;
  }
  if (gateway::running_pid(place.pid_path)) {
    if (int status = stop(options); status != kOk) return status;
  }
  return start(options);
}

int test(const Options& options) {
  Place place(options);
  std::optional<LoadedConfig> config = usable_config(place);
  bool ok = config.has_value();
  fmt::print("{}: configuration test {}\n", place.file.path, ok ? "is successful" : "failed");
  if (!ok) return kBadConfig;
  if (!options.objects) return kOk;
  if (gateway::running_pid(place.pid_path)) return status(options);  // it has the store
  Result<gateway::StoredReport> report = gateway::check_stored_objects(config->parsed.settings);
  if (!report) {
    fmt::print(stderr, "error: {}\n", report.error().message);
    return kFailure;
  }
  for (const gateway::StoredFault& fault : report->faults) {
    fmt::print(stderr, "error: {}: {}\n", fault.object, fault.reason);
  }
  fmt::print("{} objects, {} of them wrong\n", report->objects, report->faults.size());
  return report->faults.empty() ? kOk : kBadConfig;
}

int init(const Options& options) {
  Place place(options);
  for (const char* name : {"/conf", "/logs", "/data"}) {
    if (!make_folder(place.prefix + name)) return kFailure;
  }
  const std::string& path = place.file.path;
  Fd fd(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
  if (!fd.is_open() && errno != EEXIST) {
    fmt::print(stderr, "cannot write {}: {}\n", path, strerror(errno));
    return kFailure;
  }
  if (!fd.is_open()) return test(options);
  size_t length = strlen(kStarterConfig);
  if (write(fd.get(), kStarterConfig, length) != static_cast<ssize_t>(length)) {
    fmt::print(stderr, "cannot write {}: {}\n", path, strerror(errno));
    return kFailure;
  }
  fmt::print("{} is written; `pylon start` starts the gateway\n", path);
  return kOk;
}

int init_etcd(const Options& options) {
  Place place(options);
  LoadedConfig config = load_and_report(place, false);
  if (!config.ok()) return kBadConfig;
  const gateway::Settings& settings = config.parsed.settings;
  if (settings.store.kind != gateway::StoreKind::etcd) {
    fmt::print(stderr, "the store of {} is not etcd: nothing to do\n", place.file.path);
    return kOk;
  }
  if (Result<void> made = gateway::init_etcd(settings); !made) {
    fmt::print(stderr, "{}\n", made.error().message);
    return kFailure;
  }
  fmt::print("etcd has the directories under {}\n", settings.store.key_prefix);
  return kOk;
}

int worker_process(const Options& options, GatewayMain gateway_main) {
  auto inherited = gateway::InheritedSockets::take();
  if (!inherited) {
    fmt::print(stderr, "{}\n", inherited.error().message);
    return kUsage;
  }
  Place place(options);
  auto parsed =
      gateway::parse_config(inherited->config_text(), place.file, gateway::process_environment());
  if (!parsed.ok()) {
    inherited->report_failure("the configuration it was given has an error");
    return kBadConfig;
  }
  return gateway_main(parsed.settings, std::move(*inherited));
}

}  // namespace pylon::cli
