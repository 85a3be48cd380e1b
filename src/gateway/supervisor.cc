#include "gateway/supervisor.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "gateway/gateway_process.h"
#include "gateway/listening.h"
#include "gateway/pid_file.h"
#include "observe/log.h"
#include "tls/ticket_secret.h"

namespace pylon::gateway {
namespace {

using observe::Level;
using observe::log;
using State = GatewayProcess::State;

constexpr size_t kMaxLeaving = 4;         // old processes that may drain at a time
constexpr int64_t kRoomWaitMs = 5'000;    // how long a reload waits for one of them to end
constexpr int64_t kQuickDeathMs = 1'000;  // a process that lived no longer counts as failing
constexpr int kRestartsAtOnce = 3;
constexpr int64_t kFirstPauseMs = 100;
constexpr int64_t kLongestPauseMs = 10'000;
constexpr int kLongestSleepMs = 3'600'000;

int64_t monotonic_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

std::string describe_end(int status) {
  if (WIFSIGNALED(status)) {
    return fmt::format("killed by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)));
  }
  return fmt::format("ended with status {}", WEXITSTATUS(status));
}

// When the next start after a death may happen: at once, unless deaths come quickly one after the
// other. Clients wait meanwhile, so the pause grows only while no process gets as far as serving.
class RestartPause {
 public:
  int64_t after_death(int64_t lived_ms, bool served) {
    deaths_ = lived_ms < kQuickDeathMs ? deaths_ + 1 : 0;
    if (deaths_ < kRestartsAtOnce) return 0;
    if (served) return kFirstPauseMs;
    return std::min(kFirstPauseMs << std::min(deaths_ - kRestartsAtOnce, 10), kLongestPauseMs);
  }

 private:
  int deaths_ = 0;
};

// What a gateway process is started with.
struct Plan {
  std::string config_text;
  std::vector<WantedSocket> sockets;
  std::optional<int64_t> open_files;
  int64_t drain_ms = 0;
  int64_t stop_ms = 0;

  explicit Plan(const LoadedConfig& config)
      : config_text(config.text),
        sockets(wanted_sockets(config.parsed.settings)),
        open_files(config.parsed.settings.process.open_files),
        drain_ms(config.parsed.settings.process.shutdown_timeout_ms),
        stop_ms(config.parsed.settings.stop_timeout_ms) {}
};

// The signals of this process, as a descriptor; as before when it ends.
class Signals {
 public:
  Signals() {
    sigemptyset(&taken_);
    for (int signo : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGCHLD}) {
      sigaddset(&taken_, signo);
    }
    sigprocmask(SIG_BLOCK, &taken_, &before_);
    before_pipe_ = signal(SIGPIPE, SIG_IGN);
    fd_ = Fd(signalfd(-1, &taken_, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  ~Signals() {
    signal(SIGPIPE, before_pipe_);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int fd() const { return fd_.get(); }
  int next() {  // 0: none
    signalfd_siginfo info{};
    return read(fd_.get(), &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo)
                                                              : 0;
  }

 private:
  sigset_t taken_;
  sigset_t before_;
  sighandler_t before_pipe_ = SIG_DFL;
  Fd fd_;
};

class Supervisor {
 public:
  Supervisor(const SupervisorOptions& options, const LoadedConfig& config)
      : options_(options), plan_(config), known_key_(unsaved_key(config)) {}

  SupervisorResult run() {
    if (auto opened = sockets_.add(plan_.sockets); !opened) {
      return {Ending::cannot_listen, std::move(opened.error().message)};
    }
    start_process(plan_);
    while (!finished()) turn();
    return result_;
  }

 private:
  static Secret unsaved_key(const LoadedConfig& config) {
    return config.new_key_saved ? Secret() : config.new_key;
  }

  bool finished() const { return processes_.empty() && ending_; }

  // ---- one turn: wait, then look at everything that may have happened

  void turn() {
    std::vector<pollfd> fds{{.fd = signals_.fd(), .events = POLLIN, .revents = 0}};
    for (const auto& process : processes_) {
      if (process->report_fd() < 0) continue;
      fds.push_back({.fd = process->report_fd(), .events = POLLIN, .revents = 0});
    }
    poll(fds.data(), fds.size(), poll_timeout_ms());
    now_ms_ = monotonic_ms();
    tickets_.advance(time(nullptr));  // forgets what no ticket needs any more
    read_reports();
    while (int signo = signals_.next()) on_signal(signo);
    for (const auto& process : processes_) process->enforce(now_ms_);
    if (restart_at_ms_ != 0 && now_ms_ >= restart_at_ms_) {
      restart_at_ms_ = 0;
      start_process(plan_);
    }
    if (reload_asked_ && !is_busy() && has_room()) reload();
  }

  int poll_timeout_ms() const {
    int64_t next = restart_at_ms_;
    if (room_by_ms_ != 0 && (next == 0 || room_by_ms_ < next)) next = room_by_ms_;
    for (const auto& process : processes_) {
      int64_t deadline = process->deadline_ms();
      if (deadline != 0 && (next == 0 || deadline < next)) next = deadline;
    }
    if (next == 0) return kLongestSleepMs;
    return static_cast<int>(std::clamp<int64_t>(next - monotonic_ms(), 0, 60'000));
  }

  void read_reports() {
    for (const auto& process : processes_) {
      if (process->report_fd() >= 0 && process->read_report(now_ms_)) on_ready(*process);
    }
  }

  void on_signal(int signo) {
    switch (signo) {
      case SIGCHLD:
        return reap();
      case SIGHUP:
        reload_asked_ = !ending_;
        return;
      case SIGUSR1:
        observe::reopen_log();
        for (const auto& process : processes_) process->send(Command::reopen_logs);
        return;
      case SIGQUIT:
        return end(plan_.drain_ms);
      default:  // SIGTERM, SIGINT
        return end(plan_.stop_ms);
    }
  }

  // ---- starting

  GatewayProcess* start_process(const Plan& plan) {
    GatewayCommand command{options_.program, options_.arguments, plan.open_files};
    tickets_.advance(time(nullptr));
    auto process = GatewayProcess::start(command, plan.sockets, sockets_,
                                         {plan.config_text, tickets_.octets()}, monotonic_ms());
    if (!process) {
      log(Level::alert, "cannot start the gateway process: {}", process.error().message);
      restart_at_ms_ = monotonic_ms() + kLongestPauseMs;
      return nullptr;
    }
    processes_.push_back(std::make_unique<GatewayProcess>(std::move(*process)));
    return processes_.back().get();
  }

  void on_ready(GatewayProcess& process) {
    log(Level::notice, "gateway process {} serves", process.pid());
    for (const auto& other : processes_) {
      if (other.get() != &process && other->state() == State::serving) {
        other->drain(now_ms_, plan_.drain_ms);
      }
    }
    if (next_plan_) {
      plan_ = std::move(*next_plan_);
      next_plan_.reset();
      sockets_.keep_only(plan_.sockets);
    }
    if (!served_ && options_.on_serving) options_.on_serving();
    served_ = true;
  }

  // ---- ending of processes

  void reap() {
    int status = 0;
    for (pid_t pid = waitpid(-1, &status, WNOHANG); pid > 0; pid = waitpid(-1, &status, WNOHANG)) {
      auto same = [pid](const auto& process) { return process->pid() == pid; };
      auto found = std::find_if(processes_.begin(), processes_.end(), same);
      if (found == processes_.end()) continue;
      std::unique_ptr<GatewayProcess> dead = std::move(*found);
      processes_.erase(found);
      on_death(*dead, describe_end(status), WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
  }

  void on_death(GatewayProcess& dead, const std::string& how, bool cleanly) {
    if (dead.is_leaving()) {
      return log(cleanly ? Level::notice : Level::error, "gateway process {} {}", dead.pid(), how);
    }
    if (dead.report_fd() >= 0) dead.read_report(now_ms_);
    log(Level::alert, "gateway process {} {}{}{}", dead.pid(), how,
        dead.complaint().empty() ? "" : ": ", dead.complaint());
    if (ending_) return;
    if (!served_) return fail_first_start(dead, how);
    if (next_plan_ && is_next(dead)) return give_up_reload();
    if (!serving_or_starting()) {
      bool served = dead.state() == State::serving;
      int64_t pause = pause_.after_death(now_ms_ - dead.since_ms(), served);
      restart_at_ms_ = now_ms_ + pause;
      if (pause > 0) log(Level::alert, "it keeps dying; the next start is in {} ms", pause);
    }
  }

  void fail_first_start(const GatewayProcess& dead, const std::string& how) {
    std::string why = dead.complaint().empty() ? "see the error log" : dead.complaint();
    result_ = {Ending::failed, fmt::format("the gateway process {}: {}", how, why)};
    ending_ = true;
  }

  bool serving_or_starting() const {
    return std::any_of(processes_.begin(), processes_.end(),
                       [](const auto& process) { return process->state() <= State::serving; });
  }

  // ---- reload

  bool is_next(const GatewayProcess& process) const { return process.pid() == next_pid_; }

  GatewayProcess* serving() const {
    for (const auto& process : processes_) {
      if (process->state() == State::serving) return process.get();
    }
    return nullptr;
  }

  // A process is on its way up: what comes of it must be known first.
  bool is_busy() const {
    return !served_ || std::any_of(processes_.begin(), processes_.end(), [](const auto& process) {
      return process->state() == State::starting;
    });
  }

  // Several reloads in a row must not collect processes. Most of the old ones are about to end, so
  // that a moment of waiting spares the one with long downloads and tunnels.
  bool has_room() {
    if (leaving() < kMaxLeaving) return true;
    if (room_by_ms_ == 0) room_by_ms_ = now_ms_ + kRoomWaitMs;
    return now_ms_ >= room_by_ms_;
  }

  size_t leaving() const {
    return static_cast<size_t>(
        std::count_if(processes_.begin(), processes_.end(),
                      [](const auto& process) { return process->is_leaving(); }));
  }

  void reload() {
    reload_asked_ = false;
    room_by_ms_ = 0;
    LoadedConfig config = load_config(options_.file, process_environment(),
                                      {.fill_keys = true, .known_key = known_key_});
    for (const Finding& finding : config.parsed.findings) {
      log(finding.error ? Level::error : Level::warn, "{}", finding.text(options_.file.path));
    }
    if (!config.ok()) {
      return log(Level::error, "reload refused: the configuration before it stays in force");
    }
    if (config.new_key_saved) {
      log(Level::warn, "an admin key was generated and written into {}", options_.file.path);
    }
    known_key_ = unsaved_key(config);
    observe::set_log_level(config.parsed.settings.error_log.level);
    begin_reload(Plan(config));
  }

  void begin_reload(Plan next) {
    if (auto opened = sockets_.add(next.sockets); !opened) {
      return log(Level::error, "reload refused: {}", opened.error().message);
    }
    stop_oldest_leaving();
    if (GatewayProcess* process = serving()) process->send(Command::hand_over);
    restart_at_ms_ = 0;
    next_plan_ = std::move(next);
    GatewayProcess* process = start_process(*next_plan_);
    if (process == nullptr) return give_up_reload();
    next_pid_ = process->pid();
  }

  void give_up_reload() {
    log(Level::error, "reload failed: the configuration before it stays in force");
    next_plan_.reset();
    sockets_.keep_only(plan_.sockets);
    if (GatewayProcess* process = serving()) {
      restart_at_ms_ = 0;
      process->send(Command::take_back);
    } else {
      restart_at_ms_ = now_ms_;
    }
  }

  void stop_oldest_leaving() {
    size_t count = leaving();
    for (const auto& process : processes_) {
      if (count < kMaxLeaving) return;
      if (!process->is_leaving()) continue;
      process->stop(now_ms_);
      --count;
    }
  }

  // ---- the end

  void end(int64_t timeout_ms) {
    bool again = std::exchange(ending_, true);
    reload_asked_ = false;
    restart_at_ms_ = 0;
    room_by_ms_ = 0;
    sockets_.close_all();
    log(Level::notice, "{}", again ? "stopping at once" : "stopping");
    for (const auto& process : processes_) {
      if (again && timeout_ms <= plan_.stop_ms) {
        process->stop(now_ms_);
      } else {
        process->drain(now_ms_, timeout_ms);
      }
    }
  }

  const SupervisorOptions& options_;
  Signals signals_;
  ListeningSockets sockets_;
  std::vector<std::unique_ptr<GatewayProcess>> processes_;  // oldest first
  Plan plan_;                                               // of the process that serves
  std::optional<Plan> next_plan_;                           // while a reload is under way
  pid_t next_pid_ = 0;
  tls::TicketSecret tickets_;
  Secret known_key_;  // an admin key that could not be written into the file
  RestartPause pause_;
  int64_t now_ms_ = monotonic_ms();
  int64_t restart_at_ms_ = 0;
  int64_t room_by_ms_ = 0;  // when a reload waits no longer for an old process to end
  bool served_ = false;
  bool reload_asked_ = false;
  bool ending_ = false;
  SupervisorResult result_;
};

}  // namespace

SupervisorResult supervise(const SupervisorOptions& options, LoadedConfig config) {
  auto pid_file = PidFile::take(options.pid_path);
  if (!pid_file) return {Ending::already_running, std::move(pid_file.error().message)};
  Supervisor supervisor(options, config);
  const Settings& settings = config.parsed.settings;
  auto logs = observe::start_log(
      {.path = settings.absolute(settings.error_log.path), .level = settings.error_log.level});
  if (!logs) return {Ending::failed, std::move(logs.error().message)};
  config = {};
  SupervisorResult result = supervisor.run();
  observe::stop_log();
  return result;
}

}  // namespace pylon::gateway
