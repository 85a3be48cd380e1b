#include "net/listener.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace pylon::net {
namespace {

class Taker final : public Listener::Acceptor {
 public:
  void on_accept(int fd, const sockaddr_storage&) override { taken.emplace_back(fd); }
  bool may_accept() override { return room > taken.size(); }
  void on_exhausted() override {}

  std::vector<Fd> taken;
  size_t room = 1000;
};

// A listening socket on a port of its own, and clients of it.
class Door : public testing::Test {
 protected:
  Door() {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket_.get(), address(), sizeof address_), 0);
    EXPECT_EQ(::listen(socket_.get(), 100), 0);
    socklen_t size = sizeof address_;
    getsockname(socket_.get(), address(), &size);
  }

  // They wait in the queue when this returns.
  void connect(int count) {
    for (int i = 0; i < count; i++) {
      clients_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      ASSERT_EQ(::connect(clients_.back().get(), address(), sizeof address_), 0);
    }
  }

  Fd socket_{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  Loop loop_;
  Taker taker_;

 private:
  sockaddr* address() { return reinterpret_cast<sockaddr*>(&address_); }

  sockaddr_in address_{};
  std::vector<Fd> clients_;
};

TEST_F(Door, AcceptsAllInTheEnd) {
  Listener listener(loop_, socket_.get(), taker_);
  connect(90);
  for (int turns = 0; turns < 90; turns++) loop_.turn(0);
  EXPECT_EQ(taker_.taken.size(), 90u);
}

TEST_F(Door, LeavesThemInTheQueueWhileItMayTakeNoMore) {
  taker_.room = 2;
  Listener listener(loop_, socket_.get(), taker_);
  connect(3);
  for (int turns = 0; turns < 5; turns++) loop_.turn(0);
  EXPECT_EQ(taker_.taken.size(), 2u);
  taker_.room = 3;
  listener.resume();
  loop_.turn(0);
  EXPECT_EQ(taker_.taken.size(), 3u);
}

// Another process at the same socket, asleep. The kernel wakes it for a connection, which it does
// not live to accept.
class DyingRival {
 public:
  explicit DyingRival(int socket) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLEXCLUSIVE;
    EXPECT_EQ(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket, &event), 0);
    thread_ = std::thread([this] {
      id_ = gettid();
      epoll_event woken{};
      epoll_wait(epoll_.get(), &woken, 1, 10'000);
    });
    while (!asleep()) std::this_thread::yield();
  }
  void die() {
    thread_.join();
    epoll_.reset();
  }

 private:
  bool asleep() const {
    std::ifstream stat("/proc/self/task/" + std::to_string(id_) + "/stat");
    std::string line;
    return id_ != 0 && std::getline(stat, line) && line.find(") S ") != line.npos;
  }

  Fd epoll_{epoll_create1(EPOLL_CLOEXEC)};
  std::atomic<pid_t> id_{0};
  std::thread thread_;
};

TEST_F(Door, FindsAConnectionThatSomebodyElseWasWokenFor) {
  DyingRival rival(socket_.get());
  Listener listener(loop_, socket_.get(), taker_);
  connect(1);
  rival.die();
  loop_.turn(0);
  EXPECT_EQ(taker_.taken.size(), 0u);  // nobody tells us
  loop_.skip(1'000'000);
  loop_.turn(0);
  EXPECT_EQ(taker_.taken.size(), 1u);
}

TEST_F(Door, TakesThoseWhoWaitBeforeItStops) {
  Listener listener(loop_, socket_.get(), taker_);
  connect(3);
  listener.accept_waiting();
  listener.stop();
  EXPECT_EQ(taker_.taken.size(), 3u);
  connect(1);
  loop_.skip(5'000'000);
  loop_.turn(0);
  EXPECT_EQ(taker_.taken.size(), 3u);
}

}  // namespace
}  // namespace pylon::net
