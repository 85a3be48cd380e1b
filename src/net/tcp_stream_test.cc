#include "net/tcp_stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <numeric>
#include <string>
#include <utility>

namespace pylon::net {
namespace {

// A stream, and the socket that what is written to it comes out of.
struct Connected {
  Connected() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    stream = TcpStream::adopt(loop, ends[0]);
    peer = ends[1];
  }
  ~Connected() { ::close(peer); }
  std::string receive() const {
    std::string all;
    char octets[4096];
    for (ssize_t got; (got = ::read(peer, octets, sizeof octets)) > 0;) {
      all.append(octets, static_cast<size_t>(got));
    }
    return all;
  }

  Loop loop;
  std::unique_ptr<TcpStream> stream;
  int peer = -1;
};

std::string counted(size_t size, char first) {
  std::string octets(size, ' ');
  std::iota(octets.begin(), octets.end(), first);
  return octets;
}

// Short messages leave in one piece, longer ones as a list: nobody may see the difference.
TEST(TcpStream, PartsArriveInTheirOrderWhateverTheirSizes) {
  Connected to;
  for (size_t head : {0, 1, 200, 2047, 2048, 2049, 5000}) {
    for (size_t body : {0, 1, 848, 1848, 2048, 4000}) {
      if (head + body == 0) continue;
      std::string first = counted(head, 'a');
      std::string second = counted(body, 'A');
      std::string third = "\r\n";
      iovec parts[] = {{first.data(), head}, {second.data(), body}, {third.data(), third.size()}};
      Io io = to.stream->write(parts, 3);
      EXPECT_EQ(io.state, IoState::ok);
      EXPECT_EQ(io.bytes, head + body + 2);
      EXPECT_EQ(to.receive(), first + second + third) << head << " + " << body;
    }
  }
}

TEST(TcpStream, AFullSocketTakesNoneOfAShortMessage) {
  Connected to;
  std::string bulk(64 << 10, 'x');
  size_t taken = 0;
  while (to.stream->can_write()) taken += to.stream->write(bulk.data(), bulk.size()).bytes;
  std::string head = "head";
  std::string body = "body";
  iovec parts[] = {{head.data(), head.size()}, {body.data(), body.size()}};
  EXPECT_EQ(to.stream->write(parts, 2).state, IoState::again);
  EXPECT_EQ(to.receive(), std::string(taken, 'x'));
}

TEST(TcpStream, APeerThatLeftBreaksTheStream) {
  Connected to;
  ::close(std::exchange(to.peer, -1));
  std::string head = "head";
  std::string body = "body";
  iovec parts[] = {{head.data(), head.size()}, {body.data(), body.size()}};
  EXPECT_EQ(to.stream->write(parts, 2).state, IoState::error);
  EXPECT_TRUE(to.stream->broken());
}

}  // namespace
}  // namespace pylon::net
