// `pylon start`: from the command line to a supervisor, in the foreground or as a daemon.
#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>

#include "cli/commands.h"
#include "gateway/pid_file.h"
#include "gateway/supervisor.h"

namespace pylon::cli {
namespace {

using gateway::Ending;
using gateway::LoadedConfig;
using gateway::Settings;
using gateway::SupervisorOptions;
using gateway::SupervisorResult;

int exit_status(Ending ending) {
  switch (ending) {
    case Ending::stopped:
      return kOk;
    case Ending::already_running:
      return kNotInState;
    case Ending::cannot_listen:
      return kCannotListen;
    default:
      return kFailure;
  }
}

int finish(const SupervisorResult& result) {
  if (!result.message.empty()) fmt::print(stderr, "error: {}\n", result.message);
  return exit_status(result.ending);
}

bool make_parent(const std::string& path) {
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    fmt::print(stderr, "error: cannot make the folder {}: {}\n", folder.string(), error.message());
  }
  return !error;
}

bool make_folders(const Place& place, const Settings& settings) {
  return make_parent(place.pid_path) &&
         make_parent(settings.absolute(settings.store.embedded_path)) &&
         make_parent(settings.absolute(settings.access_log.path)) &&
         (settings.error_log.path == "stderr" ||
          make_parent(settings.absolute(settings.error_log.path)));
}

SupervisorOptions supervisor_options(const Place& place, std::function<void()> on_serving) {
  std::error_code error;
  return {.file = place.file,
          .pid_path = place.pid_path,
          .program = std::filesystem::read_symlink("/proc/self/exe", error).string(),
          .arguments = {"worker-process", "--prefix", place.prefix, "--config", place.file.path},
          .on_serving = std::move(on_serving)};
}

int start_in_foreground(const Place& place, LoadedConfig config) {
  LoadedConfig shown = config;
  auto welcome = [&] {
    print_welcome(place, shown);
    shown = {};
  };
  return finish(supervise(supervisor_options(place, welcome), std::move(config)));
}

// ---- the daemon: its parent waits on a pipe for one letter, then perhaps a message

constexpr char kServing = 's';

void redirect_output(const Settings& settings) {
  int null = open("/dev/null", O_RDWR);
  int log = settings.error_log.path == "stderr"
                ? null
                : open(settings.absolute(settings.error_log.path).c_str(),
                       O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  dup2(null, STDIN_FILENO);
  dup2(log >= 0 ? log : null, STDOUT_FILENO);
  dup2(log >= 0 ? log : null, STDERR_FILENO);
  if (null > STDERR_FILENO) close(null);
  if (log > STDERR_FILENO && log != null) close(log);
}

[[noreturn]] void become_daemon(const Place& place, LoadedConfig config, Fd report) {
  setsid();
  redirect_output(config.parsed.settings);
  [[maybe_unused]] int moved = chdir(place.prefix.c_str());
  auto say = [&report](char letter, std::string_view message) {
    std::string text = letter + std::string(message);
    [[maybe_unused]] ssize_t count = write(report.get(), text.data(), text.size());
    report.reset();
  };
  auto options = supervisor_options(place, [&] { say(kServing, ""); });
  SupervisorResult result = supervise(options, std::move(config));
  if (report.is_open())
    say(static_cast<char>('0' + static_cast<int>(result.ending)), result.message);
  _exit(exit_status(result.ending));
}

int start_daemon(const Place& place, LoadedConfig config) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    fmt::print(stderr, "error: {}\n", strerror(errno));
    return kFailure;
  }
  Fd reading(ends[0]);
  Fd writing(ends[1]);
  pid_t pid = fork();
  if (pid == 0) {
    reading.reset();
    become_daemon(place, std::move(config), std::move(writing));
  }
  writing.reset();
  std::string report;
  char buffer[512];
  for (ssize_t count = 0; (count = read(reading.get(), buffer, sizeof buffer)) > 0;) {
    report.append(buffer, static_cast<size_t>(count));
  }
  if (report.empty()) {
    return finish({Ending::failed, "the supervisor ended unexpectedly; see the error log"});
  }
  if (report[0] != kServing)
    return finish({static_cast<Ending>(report[0] - '0'), report.substr(1)});
  print_welcome(place, config);
  return kOk;
}

}  // namespace

int start(const Options& options) {
  Place place(options);
  if (auto pid = gateway::running_pid(place.pid_path)) {
    fmt::print(stderr,
               "Pylon is already running in {} (process {}); `pylon reload` takes a new "
               "configuration, `pylon restart` starts it anew\n",
               place.prefix, *pid);
    return kNotInState;
  }
  LoadedConfig config = load_and_report(place, true);
  if (!config.ok()) return kBadConfig;
  if (!make_folders(place, config.parsed.settings)) return kFailure;
  if (options.foreground) return start_in_foreground(place, std::move(config));
  return start_daemon(place, std::move(config));
}

}  // namespace pylon::cli
