#include "net/pipe.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

namespace pylon::net {
namespace {

// Two ends of a connection; what is written to `far` arrives at `near`.
struct Wire {
  Wire() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    near = ends[0];
    far = ends[1];
  }
  ~Wire() {
    ::close(near);
    if (far >= 0) ::close(far);
  }
  std::string receive() const {
    char octets[4096];
    ssize_t got = ::read(far, octets, sizeof octets);
    return got > 0 ? std::string(octets, static_cast<size_t>(got)) : "";
  }
  void send(std::string_view octets) const {
    EXPECT_EQ(::write(far, octets.data(), octets.size()), static_cast<ssize_t>(octets.size()));
  }
  void end() {
    ::close(far);
    far = -1;
  }

  int near = -1;
  int far = -1;
};

TEST(Pipe, PassesOctetsOnUpToTheNumberAskedFor) {
  Wire from;
  Wire to;
  from.send("hello, world");
  PipeLease pipe = take_pipe();
  ASSERT_NE(pipe, nullptr);
  EXPECT_EQ(pipe->fill(from.near, 5), 5);
  EXPECT_EQ(pipe->size(), 5u);
  EXPECT_EQ(pipe->drain(to.near), 5);
  EXPECT_EQ(pipe->size(), 0u);
  EXPECT_EQ(to.receive(), "hello");
  EXPECT_EQ(pipe->fill(from.near, 100), 7);
  EXPECT_EQ(pipe->drain(to.near), 7);
  EXPECT_EQ(to.receive(), ", world");
}

TEST(Pipe, TellsAnEmptySocketFromOneThatHasEnded) {
  Wire from;
  PipeLease pipe = take_pipe();
  errno = 0;
  EXPECT_EQ(pipe->fill(from.near, 100), -1);
  EXPECT_EQ(errno, EAGAIN);
  from.end();
  EXPECT_EQ(pipe->fill(from.near, 100), 0);
}

TEST(Pipe, KeepsWhatTheReceiverDoesNotTake) {
  Wire from;
  Wire to;
  std::string filler(4096, 'x');
  while (::write(to.near, filler.data(), filler.size()) > 0) continue;
  from.send("late");
  PipeLease pipe = take_pipe();
  EXPECT_EQ(pipe->fill(from.near, 100), 4);
  EXPECT_EQ(pipe->drain(to.near), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(pipe->size(), 4u);
}

TEST(Pipe, IsUsedAgainOnlyWhenItIsEmpty) {
  Wire from;
  from.send("secret of somebody else");
  {
    PipeLease pipe = take_pipe();
    EXPECT_GT(pipe->fill(from.near, 100), 0);
  }
  int before = Pipe::open_count();
  { PipeLease empty = take_pipe(); }
  int kept = Pipe::open_count();
  EXPECT_LE(kept, before + 1);
  PipeLease next = take_pipe();
  EXPECT_EQ(Pipe::open_count(), kept);
  EXPECT_EQ(next->size(), 0u);
  Wire to;
  from.send("mine");
  EXPECT_EQ(next->fill(from.near, 100), 4);
  EXPECT_EQ(next->drain(to.near), 4);
  EXPECT_EQ(to.receive(), "mine");
}

TEST(Pipe, IsClosedWhenNobodyTakesItForAWhile) {
  {
    PipeLease first = take_pipe();
    PipeLease second = take_pipe();
  }
  close_spare_pipes();  // both may have been in use just now
  { PipeLease again = take_pipe(); }
  close_spare_pipes();
  EXPECT_EQ(Pipe::open_count(), 1);
  close_spare_pipes();
  EXPECT_EQ(Pipe::open_count(), 0);
}

TEST(Pipe, AThreadHasNoMoreOfThemThanItMay) {
  std::vector<PipeLease> taken;
  for (int i = 0; i <= Pipe::most_open(); i++) {
    if (PipeLease pipe = take_pipe(); pipe != nullptr) taken.push_back(std::move(pipe));
  }
  EXPECT_EQ(static_cast<int>(taken.size()), Pipe::most_open());
  EXPECT_EQ(take_pipe(), nullptr);
  taken.clear();
  EXPECT_LT(Pipe::open_count(), 10);
  EXPECT_NE(take_pipe(), nullptr);
}

}  // namespace
}  // namespace pylon::net
