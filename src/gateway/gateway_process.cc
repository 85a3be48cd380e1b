#include "gateway/gateway_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace pylon::gateway {
namespace {

constexpr int64_t kStartTimeoutMs = 600'000;  // a million objects of a slow etcd take a minute
constexpr int64_t kStopTimeoutMs = 3'000;
constexpr size_t kMaxComplaint = 4'000;
constexpr int kExecFailed = 127;

struct Pipe {
  Fd read_end;
  Fd write_end;
};

Result<Pipe> make_pipe(int flags) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | flags) != 0) return fail(strerror(errno));
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

Result<Fd> in_memory(const char* name, std::string_view text) {
  Fd fd(memfd_create(name, MFD_CLOEXEC));
  bool written = fd.is_open() &&
                 write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!written) return fail(strerror(errno));
  return fd;
}

// Everything the child needs, made before fork(): between fork() and execve() nothing may allocate.
struct Launch {
  std::string variable;        // PYLON_INHERITED=...
  std::vector<int> inherited;  // descriptors that stay open
  std::vector<char*> arguments;
  std::vector<char*> environment;
  int report_fd = -1;
  rlimit open_files{};
};

void describe(const std::vector<WantedSocket>& wanted, const ListeningSockets& sockets,
              Launch& launch) {
  for (const WantedSocket& each : wanted) {
    int fd = sockets.fd_of(each.address, each.share);
    if (fd < 0) continue;
    launch.variable += fmt::format(" {}@{}={}", kind_name(each.kind), each.address.text(), fd);
    launch.inherited.push_back(fd);
  }
}

void fill_vectors(const GatewayCommand& command, Launch& launch) {
  launch.arguments.push_back(const_cast<char*>(command.program.c_str()));
  for (const std::string& argument : command.arguments) {
    launch.arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  launch.arguments.push_back(nullptr);
  std::string_view own = kInheritedVariable;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with(own)) launch.environment.push_back(*entry);
  }
  launch.environment.push_back(launch.variable.data());
  launch.environment.push_back(nullptr);
}

rlimit open_files_limit(std::optional<int64_t> wanted) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = wanted ? static_cast<rlim_t>(*wanted) : limit.rlim_max;
  if (geteuid() == 0) limit.rlim_max = std::max(limit.rlim_max, limit.rlim_cur);
  limit.rlim_cur = std::min(limit.rlim_cur, limit.rlim_max);
  return limit;
}

// The supervisor alone is told by signals.
void leave_signals_to_supervisor() {
  for (int signo : {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGPIPE}) signal(signo, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void become_gateway(const Launch& launch, pid_t supervisor) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != supervisor) _exit(kExecFailed);
  leave_signals_to_supervisor();
  setrlimit(RLIMIT_NOFILE, &launch.open_files);
  for (int fd : launch.inherited) fcntl(fd, F_SETFD, 0);
  execve(launch.arguments[0], launch.arguments.data(), launch.environment.data());
  constexpr std::string_view kComplaint = "the program cannot be executed";
  [[maybe_unused]] ssize_t count = write(launch.report_fd, kComplaint.data(), kComplaint.size());
  _exit(kExecFailed);
}

}  // namespace

Result<GatewayProcess> GatewayProcess::start(const GatewayCommand& command,
                                             const std::vector<WantedSocket>& wanted,
                                             const ListeningSockets& sockets,
                                             const Inheritance& inheritance, int64_t now_ms) {
  auto report = make_pipe(0);
  if (!report) return tl::unexpected(report.error());
  auto commands = make_pipe(O_NONBLOCK);
  if (!commands) return tl::unexpected(commands.error());
  auto config = in_memory("pylon-config", inheritance.config_text);
  if (!config) return tl::unexpected(config.error());
  auto tickets = in_memory("pylon-tickets", inheritance.ticket_secret.expose());
  if (!tickets) return tl::unexpected(tickets.error());

  Launch launch;
  launch.variable =
      fmt::format("{}=v1 config={} tickets={} ready={} commands={}", kInheritedVariable,
                  config->get(), tickets->get(), report->write_end.get(), commands->read_end.get());
  launch.inherited = {config->get(), tickets->get(), report->write_end.get(),
                      commands->read_end.get()};
  launch.report_fd = report->write_end.get();
  launch.open_files = open_files_limit(command.open_files);
  describe(wanted, sockets, launch);
  fill_vectors(command, launch);

  pid_t supervisor = getpid();
  pid_t pid = fork();
  if (pid == 0) become_gateway(launch, supervisor);
  if (pid < 0) return fail(fmt::format("no new process: {}", strerror(errno)));
  GatewayProcess process;
  process.pid_ = pid;
  process.report_ = std::move(report->read_end);
  process.commands_ = std::move(commands->write_end);
  fcntl(process.report_.get(), F_SETFL, O_NONBLOCK);
  process.enter(State::starting, now_ms, kStartTimeoutMs);
  return process;
}

void GatewayProcess::enter(State state, int64_t now_ms, int64_t timeout_ms) {
  state_ = state;
  since_ms_ = now_ms;
  deadline_ms_ = timeout_ms == 0 ? 0 : now_ms + timeout_ms;
}

bool GatewayProcess::read_report(int64_t now_ms) {
  char text[512];
  ssize_t count = 0;
  while ((count = read(report_.get(), text, sizeof text)) > 0) {
    if (complaint_.size() < kMaxComplaint) complaint_.append(text, static_cast<size_t>(count));
  }
  if (count == 0) report_.reset();
  if (complaint_ != kReadyReport || state_ != State::starting) return false;
  complaint_.clear();
  report_.reset();
  enter(State::serving, now_ms, 0);
  return true;
}

void GatewayProcess::send(Command command) {
  char letter = static_cast<char>(command);
  [[maybe_unused]] ssize_t count = write(commands_.get(), &letter, 1);  // it may be gone
}

void GatewayProcess::drain(int64_t now_ms, int64_t timeout_ms) {
  if (state_ == State::starting) return stop(now_ms);
  if (state_ == State::serving) send(Command::drain);
  if (state_ == State::draining) timeout_ms = std::min(timeout_ms, deadline_ms_ - now_ms);
  if (state_ <= State::draining) enter(State::draining, now_ms, std::max<int64_t>(timeout_ms, 1));
}

void GatewayProcess::stop(int64_t now_ms) {
  if (state_ == State::stopping) return;
  send(Command::stop);
  enter(State::stopping, now_ms, kStopTimeoutMs);
}

void GatewayProcess::enforce(int64_t now_ms) {
  if (deadline_ms_ == 0 || now_ms < deadline_ms_) return;
  if (state_ == State::draining) return stop(now_ms);
  if (state_ == State::starting) complaint_ += "it did not become ready in time";
  kill(pid_, SIGKILL);
  deadline_ms_ = 0;
}

}  // namespace pylon::gateway
