#include "upstream/dns_transport.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "net/loop.h"

namespace pylon::upstream::dns {
namespace {

const Question kQuestion{0x4242, Type::a, "www.test"};

std::string answer_to(std::string query, char last_octet) {
  query[2] = '\x81';
  query[3] = '\x80';
  query[7] = 1;
  return query + std::string("\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\0\0", 15) + last_octet;
}

// A socket on a free port of the loopback interface, served by the test itself.
class LocalServer {
 public:
  explicit LocalServer(int type) : fd_(::socket(AF_INET, type | SOCK_NONBLOCK, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    if (type == SOCK_STREAM) ::listen(fd_, 4);
    socklen_t bytes = sizeof address;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &bytes);
    server_ = {*IpAddress::parse("127.0.0.1"), ntohs(address.sin_port)};
  }
  ~LocalServer() { close(); }

  const Server& address() const { return server_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  // A datagram's octets and where to answer to.
  std::optional<std::string> receive(sockaddr_in& from) {
    char buffer[600];
    socklen_t bytes = sizeof from;
    ssize_t got =
        ::recvfrom(fd_, buffer, sizeof buffer, 0, reinterpret_cast<sockaddr*>(&from), &bytes);
    if (got < 0) return std::nullopt;
    return std::string(buffer, static_cast<size_t>(got));
  }
  void send(const std::string& message, const sockaddr_in& to) {
    ::sendto(fd_, message.data(), message.size(), 0, reinterpret_cast<const sockaddr*>(&to),
             sizeof to);
  }
  int accept() { return ::accept(fd_, nullptr, nullptr); }

 private:
  int fd_;
  Server server_;
};

class DnsTransportTest : public ::testing::Test {
 protected:
  void start(async::Task<Answer> task) {
    task_ = keep(std::move(task));
    task_.start(nullptr, nullptr);
  }
  async::Task<void> keep(async::Task<Answer> task) { answer = co_await task; }
  // Turns until the answer is there, or `until` says so.
  template <class Until>
  void turn_until(Until until) {
    for (int turns = 0; turns < 2000 && !until(); ++turns) loop.turn(5);
  }
  void finish() {
    turn_until([&] { return answer.has_value(); });
    ASSERT_TRUE(answer);
    loop.turn(0);
  }

  net::Loop loop;
  NetTransport transport{loop};
  async::Task<void> task_;
  std::optional<Answer> answer;
};

TEST_F(DnsTransportTest, UdpIgnoresWhatIsNotItsAnswer) {
  LocalServer server(SOCK_DGRAM);
  start(transport.ask_udp(server.address(), kQuestion, 5'000));
  sockaddr_in client{};
  std::optional<std::string> query;
  turn_until([&] { return (query = server.receive(client)).has_value(); });
  ASSERT_EQ(*query, encode(kQuestion));
  std::string wrong_id = answer_to(*query, 6);
  wrong_id[0] = 0;
  server.send("", client);
  server.send(wrong_id, client);
  LocalServer stranger(SOCK_DGRAM);
  stranger.send(answer_to(*query, 7), client);
  server.send(answer_to(*query, 1), client);
  finish();
  EXPECT_EQ(answer->outcome, Outcome::addresses);
  EXPECT_EQ(answer->addresses.front(), *IpAddress::parse("10.0.0.1"));
}

TEST_F(DnsTransportTest, AFloodOfGuessesEndsTheQuestion) {
  LocalServer server(SOCK_DGRAM);
  start(transport.ask_udp(server.address(), kQuestion, 60'000));
  sockaddr_in client{};
  std::optional<std::string> query;
  turn_until([&] { return (query = server.receive(client)).has_value(); });
  for (int i = 0; i < 100; ++i) server.send("nonsense", client);
  finish();
  EXPECT_EQ(answer->outcome, Outcome::no_answer);
}

TEST_F(DnsTransportTest, UdpTimesOut) {
  LocalServer server(SOCK_DGRAM);
  start(transport.ask_udp(server.address(), kQuestion, 20));
  finish();
  EXPECT_EQ(answer->outcome, Outcome::no_answer);
}

TEST_F(DnsTransportTest, NobodyListens) {
  LocalServer server(SOCK_DGRAM);
  server.close();
  start(transport.ask_udp(server.address(), kQuestion, 60'000));
  finish();  // the kernel says so at once
  EXPECT_EQ(answer->outcome, Outcome::no_answer);
  answer.reset();
  start(transport.ask_tcp(server.address(), kQuestion, 60'000));
  finish();
  EXPECT_EQ(answer->outcome, Outcome::no_answer);
}

class DnsTcpTest : public DnsTransportTest {
 protected:
  // Accepts and reads the question.
  void accept_question() {
    start(transport.ask_tcp(server.address(), kQuestion, 5'000));
    turn_until([&] { return (peer = server.accept()) >= 0; });
    std::string expected = encode(kQuestion);
    std::string got;
    turn_until([&] {
      char buffer[600];
      ssize_t bytes = ::recv(peer, buffer, sizeof buffer, MSG_DONTWAIT);
      if (bytes > 0) got.append(buffer, static_cast<size_t>(bytes));
      return got.size() == expected.size() + 2;
    });
    EXPECT_EQ(got.substr(2), expected);
  }
  void send(const std::string& octets) {
    ASSERT_EQ(::send(peer, octets.data(), octets.size(), 0), static_cast<ssize_t>(octets.size()));
  }
  ~DnsTcpTest() override {
    if (peer >= 0) ::close(peer);
  }

  LocalServer server{SOCK_STREAM};
  int peer = -1;
};

TEST_F(DnsTcpTest, AnswerInPieces) {
  accept_question();
  std::string message = answer_to(encode(kQuestion), 9);
  std::string framed = std::string(1, '\0') + static_cast<char>(message.size()) + message;
  for (char octet : framed) {
    send(std::string(1, octet));
    loop.turn(0);
  }
  finish();
  EXPECT_EQ(answer->outcome, Outcome::addresses);
  EXPECT_EQ(answer->addresses.front(), *IpAddress::parse("10.0.0.9"));
}

TEST_F(DnsTcpTest, ClosedInTheMiddle) {
  accept_question();
  send(std::string("\x01\x00half", 6));
  ::close(std::exchange(peer, -1));
  finish();
  EXPECT_EQ(answer->outcome, Outcome::no_answer);
}

TEST_F(DnsTcpTest, SomebodyElsesAnswer) {
  accept_question();
  send(std::string("\x00\x05hello", 7));
  finish();
  EXPECT_EQ(answer->outcome, Outcome::malformed);
}

}  // namespace
}  // namespace pylon::upstream::dns
