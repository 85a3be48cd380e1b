#include "stream/udp_session.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <poll.h>

#include "base/fd.h"
#include "base/socket_address.h"
#include "net/socket_address.h"
#include "stream/workplace_test.h"

namespace pylon::stream {
namespace {

// A socket on the loopback interface.
class Socket {
 public:
  Socket() : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    SocketAddress any(*IpAddress::parse("127.0.0.1"), 0);
    EXPECT_EQ(::bind(fd_.get(), any.get(), any.size()), 0);
  }
  int fd() const { return fd_.get(); }
  uint16_t port() const {
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    EXPECT_EQ(::getsockname(fd(), reinterpret_cast<sockaddr*>(&own), &size), 0);
    return net::place_of(own).port;
  }
  void send(uint16_t port, std::string_view octets) const {
    SocketAddress to(*IpAddress::parse("127.0.0.1"), port);
    ssize_t sent = ::sendto(fd(), octets.data(), octets.size(), 0, to.get(), to.size());
    EXPECT_EQ(sent, static_cast<ssize_t>(octets.size()));
  }
  // The next datagram, and the port that it came from; "" when none waits.
  std::string receive(uint16_t* from = nullptr) const {
    char octets[2048];
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    ssize_t got = ::recvfrom(fd(), octets, sizeof octets, MSG_DONTWAIT,
                             reinterpret_cast<sockaddr*>(&peer), &size);
    if (from != nullptr) *from = net::place_of(peer).port;
    return got > 0 ? std::string(octets, static_cast<size_t>(got)) : std::string();
  }
  void close() { fd_.reset(); }

 private:
  Fd fd_;
};

class UdpSessionTest : public testing::Test {
 protected:
  UdpSessionTest() { proxy_.listen(door_.fd()); }
  ~UdpSessionTest() override {
    proxy_.stop_listening();
    proxy_.close_all();
    place_.loop.turn(0);
  }

  void serve(const std::string& gate = "") {
    place_.serve(fmt::format(R"({{"scheme":"udp","nodes":{{"127.0.0.1:{}":1}}}})", node_.port()),
                 gate);
  }
  void ask(const Socket& client, std::string_view octets) {
    client.send(door_.port(), octets);
    turn();
  }
  void answer(uint16_t port, std::string_view octets) {
    node_.send(port, octets);
    turn();
  }
  // What goes over the loopback interface is there when send() returns.
  void turn() {
    for (int i = 0; i < 4; i++) place_.loop.turn(0);
  }
  void pass(int64_t us) {
    place_.loop.skip(us);
    turn();
  }
  using Logged = std::vector<Gate::Line>;

  TestWorkplace place_;
  Socket door_, node_;
  UdpLimits limits_{.sessions = 2, .idle_timeout_us = 10'000'000, .least_silence_us = 1'000'000};
  UdpProxy proxy_{place_.place(), limits_};
};

TEST_F(UdpSessionTest, DatagramsGoBothWays) {
  serve("{}");
  Socket client;
  ask(client, "one");
  uint16_t from = 0;
  EXPECT_EQ(node_.receive(&from), "one");
  ask(client, "two");
  uint16_t again = 0;
  EXPECT_EQ(node_.receive(&again), "two");
  EXPECT_EQ(from, again);
  answer(from, "answer");
  answer(from, "another");
  uint16_t door = 0;
  EXPECT_EQ(client.receive(&door), "answer");
  EXPECT_EQ(door, door_.port());
  EXPECT_EQ(client.receive(), "another");
  EXPECT_EQ(proxy_.sessions(), 1u);
  proxy_.close_all();
  EXPECT_EQ(Gate::logged, (Logged{{200, 6, 13}}));
}

TEST_F(UdpSessionTest, SilenceEndsASession) {
  serve("{}");
  Socket client;
  ask(client, "x");
  pass(9'000'000);
  ask(client, "x");
  pass(9'000'000);
  EXPECT_EQ(proxy_.sessions(), 1u);
  pass(2'000'000);
  EXPECT_EQ(proxy_.sessions(), 0u);
  EXPECT_EQ(proxy_.presence().places().at(0).sessions, 0u);
  EXPECT_EQ(Gate::logged.size(), 1u);
}

TEST_F(UdpSessionTest, TheLongestSilentMakesRoomForANewClient) {
  serve("{}");
  Socket first, second, third;
  ask(first, "1");
  ask(second, "2");
  ask(third, "3");
  EXPECT_EQ(proxy_.counts().crowded, 1u);
  EXPECT_EQ(proxy_.sessions(), 2u);
  pass(1'500'000);
  ask(second, "2");
  ask(third, "3");
  EXPECT_EQ(proxy_.counts().evicted, 1u);
  EXPECT_EQ(proxy_.sessions(), 2u);
  EXPECT_EQ(Gate::logged, (Logged{{200, 1, 0}}));
  for (const char* octets : {"1", "2", "2", "3", ""}) EXPECT_EQ(node_.receive(), octets);
}

TEST_F(UdpSessionTest, ANodeThatIsNotThereIsLeft) {
  serve("{}");
  node_.close();
  Socket client;
  ask(client, "x");
  ask(client, "y");
  turn();
  EXPECT_EQ(proxy_.sessions(), 0u);
  ASSERT_FALSE(Gate::logged.empty());
  EXPECT_EQ(Gate::logged[0].status, 502);
}

TEST_F(UdpSessionTest, RefusedAndUnmatchedDatagramsLeaveNothingBehind) {
  place_.publish();
  Socket client;
  ask(client, "x");
  EXPECT_EQ(proxy_.counts().unmatched, 1u);
  serve(R"({"refuses":true})");
  ask(client, "x");
  EXPECT_EQ(proxy_.counts().refused, 1u);
  serve(R"({"wants":5})");  // one datagram is all there is
  ask(client, "abc");
  EXPECT_EQ(proxy_.counts().refused, 2u);
  EXPECT_EQ(proxy_.sessions(), 0u);
  EXPECT_EQ(node_.receive(), "");
  EXPECT_EQ(Gate::logged, (Logged{{403, 1, 0}, {403, 3, 0}}));
}

}  // namespace
}  // namespace pylon::stream
