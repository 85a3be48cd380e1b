// A real etcd for tests: one member on free ports, its data in a folder that goes with it.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace pylon::store {

class EtcdServer {
 public:
  static bool installed() { return ::access("/usr/bin/etcd", X_OK) == 0; }

  EtcdServer() {
    // In memory where that is possible: a busy disk makes elections.
    std::string name = ::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    name += "/pylon-etcd-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    port_ = free_port();
    peer_port_ = free_port();
    start();
  }
  ~EtcdServer() {
    stop();
    std::filesystem::remove_all(folder_);
  }
  EtcdServer(const EtcdServer&) = delete;
  EtcdServer& operator=(const EtcdServer&) = delete;

  uint16_t port() const { return port_; }

  // With all that it has kept. Blocks until it answers.
  void start() {
    std::string client = "http://127.0.0.1:" + std::to_string(port_);
    std::string peer = "http://127.0.0.1:" + std::to_string(peer_port_);
    std::vector<std::string> words = {"/usr/bin/etcd",
                                      "--data-dir=" + folder_ + "/data",
                                      "--listen-client-urls=" + client,
                                      "--advertise-client-urls=" + client,
                                      "--listen-peer-urls=" + peer,
                                      "--initial-advertise-peer-urls=" + peer,
                                      "--initial-cluster=default=" + peer,
                                      "--heartbeat-interval=10",
                                      "--election-timeout=100",
                                      "--max-request-bytes=16777216",
                                      "--log-level=error"};
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    process_ = ::fork();
    if (process_ == 0) {
      std::string log = folder_ + "/log";
      if (std::freopen(log.c_str(), "a", stderr) == nullptr) ::_exit(127);
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
    auto answers = [&] { return run("endpoint health"); };
    for (int i = 0; i < 400 && !answers(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
  }
  // Kills it.
  void stop() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }
  void pause() { ::kill(process_, SIGSTOP); }
  void resume() { ::kill(process_, SIGCONT); }

  // As etcdctl's arguments; whether it succeeded.
  bool run(const std::string& arguments) {
    std::string command = "ETCDCTL_API=3 etcdctl --command-timeout=2s --endpoints=127.0.0.1:" +
                          std::to_string(port_) + " " + arguments + " >/dev/null 2>&1";
    return ::system(command.c_str()) == 0;
  }

 private:
  // Below the range that the system hands out by itself.
  static uint16_t free_port() {
    static uint16_t next = static_cast<uint16_t>(21'000 + ::getpid() % 9'000);
    for (;;) {
      sockaddr_in at{};
      at.sin_family = AF_INET;
      at.sin_port = htons(++next);
      at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      bool free = ::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
      ::close(fd);
      if (free) return next;
    }
  }

  std::string folder_;
  uint16_t port_ = 0;
  uint16_t peer_port_ = 0;
  pid_t process_ = 0;
};

}  // namespace pylon::store
