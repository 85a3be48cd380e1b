#include "gateway/supervisor.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include <filesystem>
#include <fstream>

#include "gateway/inherited.h"
#include "gateway/listening.h"
#include "gateway/pid_file.h"

namespace pylon::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kPatienceMs = 20'000;

// ---- the stand-in for the gateway: this test program, started by the supervisor under test

// The line "# answer WORD" of config.yaml.
std::string word_after(const std::string& text, const std::string& label) {
  size_t at = text.find("# " + label + " ");
  if (at == text.npos) return "";
  at += label.size() + 3;
  return text.substr(at, text.find('\n', at) - at);
}

void answer_one(int listener, const std::string& answer) {
  Fd client(accept(listener, nullptr, nullptr));
  std::string text = answer + " " + std::to_string(getpid());
  send(client.get(), text.data(), text.size(), MSG_NOSIGNAL);
}

// Answers each connection with the configured word and its process id.
int stand_in(InheritedSockets inherited) {
  const std::string answer = word_after(inherited.config_text(), "answer");
  const std::string complaint = word_after(inherited.config_text(), "complain");
  if (!complaint.empty()) {
    inherited.report_failure(complaint);
    return 1;
  }
  if (!word_after(inherited.config_text(), "die").empty()) return 1;
  inherited.report_ready();
  bool hold = !word_after(inherited.config_text(), "hold").empty();
  while (true) {
    std::vector<pollfd> fds{{inherited.command_fd(), POLLIN, 0}};
    for (const InheritedSocket& socket : inherited.all()) {
      fds.push_back({socket.fd.get(), POLLIN, 0});
    }
    poll(fds.data(), fds.size(), -1);
    Command command = inherited.next_command();
    if (command == Command::stop || (command == Command::drain && !hold)) return 0;
    if (command == Command::drain) inherited.close_sockets();
    for (size_t i = 1; i < fds.size() && command == Command::none; ++i) {
      if ((fds[i].revents & POLLIN) != 0) answer_one(fds[i].fd, answer);
    }
  }
}

// Run by itself it does nothing; the supervisor starts this program with this test alone.
TEST(StandIn, Gateway) {
  if (getenv(kInheritedVariable) == nullptr) GTEST_SKIP() << "for the supervisor under test";
  auto inherited = InheritedSockets::take();
  _exit(inherited ? stand_in(std::move(*inherited)) : 9);
}

// ---- what the tests share

int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

// A port below the ephemeral ones that nobody listens on.
uint16_t free_port() {
  static uint16_t next = static_cast<uint16_t>(21'000 + getpid() % 5'000);
  while (true) {
    ++next;
    if (open_listener({.ip = "127.0.0.1", .port = next})) return next;
  }
}

Fd connect_to(uint16_t port) {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  timeval patience{.tv_sec = kPatienceMs / 1000, .tv_usec = 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return Fd();
  return fd;
}

struct Answer {
  std::string word;
  pid_t pid = 0;
};

Answer ask(uint16_t port) {
  Fd fd = connect_to(port);
  char text[64] = {};
  if (!fd.is_open() || recv(fd.get(), text, sizeof text - 1, MSG_WAITALL) <= 0) return {};
  std::string whole = text;
  size_t space = whole.find(' ');
  return {whole.substr(0, space), static_cast<pid_t>(atoi(whole.c_str() + space))};
}

class SupervisorTest : public ::testing::Test {
 protected:
  SupervisorTest() {
    char pattern[] = "/tmp/pylon-supervisor-XXXXXX";
    directory_ = mkdtemp(pattern);
    std::filesystem::create_directory(directory_ + "/conf");
    std::filesystem::create_directory(directory_ + "/logs");
    file_ = ConfigFile::locate(directory_, "", process_environment());
  }
  ~SupervisorTest() override {
    if (supervisor_ > 0) {
      kill(supervisor_, SIGKILL);
      waitpid(supervisor_, nullptr, 0);
    }
    std::filesystem::remove_all(directory_);
  }

  void write(const std::string& comments, const std::vector<uint16_t>& ports,
             const std::string& more = "") {
    std::string text = comments + "\napisix:\n  enable_admin: false\n  enable_control: false\n" +
                       "  node_listen:\n";
    for (uint16_t port : ports) {
      text += "    - {ip: 127.0.0.1, port: " + std::to_string(port) + "}\n";
    }
    std::ofstream(file_.path) << text << "plugins: []\n" << more;
  }

  // Runs the supervisor in a process of its own, which ends with the Ending as its status.
  void start() {
    supervisor_ = fork();
    if (supervisor_ != 0) return;
    SupervisorOptions options{.file = file_,
                              .pid_path = directory_ + "/logs/pylon.pid",
                              .program = std::filesystem::read_symlink("/proc/self/exe"),
                              .arguments = {"--gtest_filter=StandIn.Gateway", "--gtest_brief=1"},
                              .on_serving = nullptr};
    SupervisorResult result = supervise(options, load_config(file_, process_environment(), {}));
    std::ofstream(directory_ + "/result") << result.message;
    _exit(static_cast<int>(result.ending));
  }

  Ending await_end() {
    int status = 0;
    waitpid(supervisor_, &status, 0);
    supervisor_ = -1;
    EXPECT_TRUE(WIFEXITED(status)) << status;
    return static_cast<Ending>(WEXITSTATUS(status));
  }

  std::string result() { return read_file(directory_ + "/result", 4096).value_or(""); }
  std::string log() { return read_file(directory_ + "/logs/error.log", 1 << 20).value_or(""); }

  // Asks until the answer is this word: processes come and go meanwhile.
  Answer await_answer(uint16_t port, const std::string& word) {
    int64_t until = now_ms() + kPatienceMs;
    Answer answer;
    while (now_ms() < until && answer.word != word) answer = ask(port);
    EXPECT_EQ(answer.word, word) << log();
    return answer;
  }

  void await_log(const std::string& text) {
    int64_t until = now_ms() + kPatienceMs;
    while (now_ms() < until && log().find(text) == std::string::npos) sched_yield();
    EXPECT_THAT(log(), HasSubstr(text));
  }

  std::string directory_;
  ConfigFile file_;
  pid_t supervisor_ = -1;
};

TEST_F(SupervisorTest, ServesAndStops) {
  uint16_t port = free_port();
  write("# answer one", {port});
  start();
  EXPECT_EQ(await_answer(port, "one").word, "one");
  EXPECT_EQ(running_pid(directory_ + "/logs/pylon.pid"), supervisor_);
  kill(supervisor_, SIGTERM);
  EXPECT_EQ(await_end(), Ending::stopped);
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/logs/pylon.pid"));
  EXPECT_EQ(ask(port).word, "");
}

TEST_F(SupervisorTest, AKilledGatewayIsRestartedAtOnce) {
  uint16_t port = free_port();
  write("# answer one", {port});
  start();
  pid_t first = await_answer(port, "one").pid;
  for (int i = 0; i < 8; ++i) {
    kill(first, SIGKILL);
    Answer next = ask(port);  // waits in the backlog of the socket that the supervisor keeps
    if (next.pid == 0) next = ask(port);  // the connection the dying process had taken
    EXPECT_EQ(next.word, "one");
    EXPECT_NE(next.pid, first);
    first = next.pid;
  }
  EXPECT_THAT(log(), Not(HasSubstr("is in 200 ms")));
}

TEST_F(SupervisorTest, TheGatewayDiesWithTheSupervisor) {
  uint16_t port = free_port();
  write("# answer one", {port});
  start();
  await_answer(port, "one");
  kill(supervisor_, SIGKILL);
  waitpid(std::exchange(supervisor_, -1), nullptr, 0);
  int64_t until = now_ms() + kPatienceMs;
  while (now_ms() < until && connect_to(port).is_open()) sched_yield();
  EXPECT_FALSE(connect_to(port).is_open());
}

TEST_F(SupervisorTest, ReloadStartsANewProcessOnTheSameSockets) {
  uint16_t port = free_port();
  uint16_t added = free_port();
  write("# answer one", {port});
  start();
  await_answer(port, "one");
  write("# answer two", {port, added});
  kill(supervisor_, SIGHUP);
  await_answer(port, "two");
  EXPECT_EQ(await_answer(added, "two").word, "two");
  write("# answer three", {added});
  kill(supervisor_, SIGHUP);
  await_answer(added, "three");
  kill(supervisor_, SIGQUIT);
  EXPECT_EQ(await_end(), Ending::stopped);
}

TEST_F(SupervisorTest, NoConnectionFailsDuringReloads) {
  uint16_t port = free_port();
  write("# answer one\n# hold on", {port}, "nginx_config: {worker_shutdown_timeout: 100ms}\n");
  start();
  await_answer(port, "one");
  kill(supervisor_, SIGHUP);
  int failed = 0;
  for (int i = 0; i < 500; ++i) failed += ask(port).pid == 0;
  EXPECT_EQ(failed, 0) << log();
}

TEST_F(SupervisorTest, AReloadWaitsForRoomBeforeAnOldProcessIsStopped) {
  uint16_t port = free_port();
  const std::string words[] = {"zero", "one", "two", "three", "four"};
  write("# answer zero\n# hold on", {port}, "nginx_config: {worker_shutdown_timeout: 2s}\n");
  start();
  await_answer(port, "zero");
  for (int i = 1; i <= 4; ++i) {
    write("# answer " + words[i] + "\n# hold on", {port},
          "nginx_config: {worker_shutdown_timeout: 2s}\n");
    kill(supervisor_, SIGHUP);
    await_answer(port, words[i]);
  }
  write("# answer last", {port});
  kill(supervisor_, SIGHUP);  // the four before hold on until their time is up, not longer
  await_answer(port, "last");
  EXPECT_THAT(log(), Not(HasSubstr("killed")));
}

TEST_F(SupervisorTest, ABadConfigurationLeavesTheOldProcessServing) {
  uint16_t port = free_port();
  write("# answer one", {port});
  start();
  pid_t first = await_answer(port, "one").pid;
  std::ofstream(file_.path) << "apisix: {node_listen: nowhere}\n";
  kill(supervisor_, SIGHUP);
  await_log("reload refused");
  EXPECT_THAT(log(), HasSubstr("apisix.node_listen"));
  EXPECT_EQ(ask(port).pid, first);
}

TEST_F(SupervisorTest, AProcessThatDoesNotComeUpLeavesTheOldOneServing) {
  uint16_t port = free_port();
  write("# answer one", {port});
  start();
  pid_t first = await_answer(port, "one").pid;
  write("# complain nothing works", {port});
  kill(supervisor_, SIGHUP);
  await_log("reload failed");
  EXPECT_THAT(log(), HasSubstr("nothing works"));
  EXPECT_EQ(ask(port).pid, first);
  write("# answer two", {port});
  kill(supervisor_, SIGHUP);
  await_answer(port, "two");
}

TEST_F(SupervisorTest, AFirstProcessThatFailsEndsTheStart) {
  write("# complain the store is broken", {free_port()});
  start();
  EXPECT_EQ(await_end(), Ending::failed);
  EXPECT_THAT(result(), HasSubstr("the store is broken"));
}

TEST_F(SupervisorTest, OneSupervisorPerPrefix) {
  uint16_t port = free_port();
  write("# answer one", {port});
  start();
  await_answer(port, "one");
  auto second = PidFile::take(directory_ + "/logs/pylon.pid");
  ASSERT_FALSE(second.has_value());
  EXPECT_THAT(second.error().message, HasSubstr(std::to_string(supervisor_)));
}

TEST_F(SupervisorTest, AnAddressInUseIsNamed) {
  uint16_t port = free_port();
  auto taken = open_listener({.ip = "127.0.0.1", .port = port});
  write("# answer one", {port});
  start();
  EXPECT_EQ(await_end(), Ending::cannot_listen);
  EXPECT_THAT(result(), HasSubstr("127.0.0.1:" + std::to_string(port)));
}

TEST_F(SupervisorTest, AProcessThatDoesNotDrainIsStopped) {
  uint16_t port = free_port();
  write("# answer one\n# hold on", {port}, "pylon: {stop_timeout: 50ms}\n");
  start();
  await_answer(port, "one");
  kill(supervisor_, SIGTERM);
  EXPECT_EQ(await_end(), Ending::stopped);
}

TEST(PidFile, AFileLeftBehindMisleadsNobody) {
  std::string path = "/tmp/pylon-pid-test-" + std::to_string(getpid());
  std::ofstream(path) << "1\n";
  EXPECT_FALSE(running_pid(path).has_value());
  {
    auto taken = PidFile::take(path);
    ASSERT_TRUE(taken.has_value());
    EXPECT_EQ(running_pid(path), getpid());
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Listening, SocketsAreReusedAndClosed) {
  uint16_t port = free_port();
  WantedSocket one{SocketKind::proxy, {.ip = "127.0.0.1", .port = port}};
  WantedSocket two{SocketKind::control, {.ip = "127.0.0.2", .port = port}};
  ListeningSockets sockets;
  ASSERT_TRUE(sockets.add({one}).has_value());
  int fd = sockets.fd_of(one.address);
  ASSERT_TRUE(sockets.add({one, two}).has_value());
  EXPECT_EQ(sockets.fd_of(one.address), fd);
  sockets.keep_only({two});
  EXPECT_EQ(sockets.fd_of(one.address), -1);
  EXPECT_EQ(sockets.size(), 1u);
}

TEST(Inherited, TextThatIsNoneIsRefused) {
  for (const char* text : {"", "v2", "v1 ready=9999", "v1 nonsense", "v1 proxy@1=x", "v1"}) {
    setenv(kInheritedVariable, text, 1);
    EXPECT_FALSE(InheritedSockets::take().has_value()) << text;
  }
  EXPECT_FALSE(InheritedSockets::take().has_value());
}

}  // namespace
}  // namespace pylon::gateway
