#include "net/tcp_stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/inbox.h"
#include "net/pipe.h"
#include "net/waker.h"

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

// ---- turns with several events

// Two connections of one loop: when both stir, the turn has more than one event.
struct Pair {
  struct End {
    explicit End(Loop& loop) : waker(loop, &End::on_event, this) {
      int ends[2];
      EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
      stream = TcpStream::adopt(loop, ends[0]);
      stream->set_waker(&waker);
      stream->receive_ahead();
      peer = ends[1];
    }
    ~End() { hang_up(); }
    void hang_up() {
      if (peer >= 0) ::close(std::exchange(peer, -1));
    }
    static void on_event(void* self) {
      auto& end = *static_cast<End*>(self);
      end.events++;
      if (end.act) end.act(end);
    }
    void say(std::string_view octets) const {
      EXPECT_EQ(::write(peer, octets.data(), octets.size()), static_cast<ssize_t>(octets.size()));
    }
    std::string heard() const {
      std::string all;
      char octets[4096];
      for (ssize_t got; (got = ::read(peer, octets, sizeof octets)) > 0;) {
        all.append(octets, static_cast<size_t>(got));
      }
      return all;
    }
    std::string read(size_t at_most = 65536) const {
      std::string octets(at_most, '\0');
      Io io = stream->read(octets.data(), octets.size());
      octets.resize(io.state == IoState::ok ? io.bytes : 0);
      return octets;
    }
    IoState write(std::string_view octets) const {
      Io io = stream->write(octets.data(), octets.size());
      EXPECT_TRUE(io.state != IoState::ok || io.bytes == octets.size());
      return io.state;
    }

    Waker waker;
    std::unique_ptr<TcpStream> stream;
    int peer = -1;
    int events = 0;
    std::function<void(End&)> act;
  };

  // A turn in which both have something, and do this with it.
  void turn(std::function<void(End&)> act, std::string_view octets = "x") {
    for (End* end : {&a, &b}) {
      end->act = act;
      end->say(octets);
    }
    loop.turn(0);
    for (End* end : {&a, &b}) end->act = nullptr;
  }
  // Fills a's socket behind the back of its stream.
  size_t fill_up() {
    std::string piece(4096, 'x');
    size_t filled = 0;
    for (ssize_t sent; (sent = ::send(a.stream->fd(), piece.data(), piece.size(), 0)) > 0;) {
      filled += static_cast<size_t>(sent);
    }
    return filled;
  }

  Loop loop;
  End a{loop};
  End b{loop};
};

TEST(TcpStream, WhatComesTogetherIsReceivedBeforeTheWork) {
  Pair pair;
  pair.turn([&](Pair::End&) {
    // Neither socket holds anything: both were emptied before the first of them was told.
    for (Pair::End* end : {&pair.a, &pair.b}) {
      char octet;
      EXPECT_EQ(::recv(end->stream->fd(), &octet, 1, MSG_PEEK | MSG_DONTWAIT), -1);
      EXPECT_TRUE(end->stream->stirred(true));
    }
  });
  for (Pair::End* end : {&pair.a, &pair.b}) {
    EXPECT_EQ(end->events, 1);
    EXPECT_EQ(end->read(), "x");
  }
}

TEST(TcpStream, AStreamThatDidNotAskIsNotReadAhead) {
  Pair pair;
  Pair::End other(pair.loop);
  other.stream->close(false);
  auto quiet = [&] {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    return std::pair(TcpStream::adopt(pair.loop, ends[0]), ends[1]);
  }();
  EXPECT_EQ(::write(quiet.second, "y", 1), 1);
  pair.turn([](Pair::End&) {});
  char octet;
  EXPECT_EQ(::recv(quiet.first->fd(), &octet, 1, MSG_PEEK | MSG_DONTWAIT), 1);
  ::close(quiet.second);
}

TEST(TcpStream, ReadsFindTheSameOctetsWheneverTheyCome) {
  for (size_t size : {1, 4095, 4096, 4097, 10000}) {
    for (size_t piece : {1, 7, 4096, 65536}) {
      Pair pair;
      std::string octets = counted(size, 'a');
      std::string now;  // read in its turn by one, later by the other
      pair.turn(
          [&](Pair::End& end) {
            if (&end != &pair.a) return;
            for (std::string part; !(part = end.read(piece)).empty();) now += part;
          },
          octets);
      EXPECT_EQ(now, octets) << size << " by " << piece;
      EXPECT_FALSE(pair.a.stream->can_read());
      EXPECT_TRUE(pair.b.stream->can_read());
      pair.b.say("behind");
      pair.loop.turn(0);
      std::string later;
      for (std::string part; !(part = pair.b.read(piece)).empty();) later += part;
      EXPECT_EQ(later, octets + "behind") << size << " by " << piece;
      EXPECT_FALSE(pair.b.stream->can_read());
    }
  }
}

TEST(TcpStream, TheEndIsToldBehindWhatNobodyHadRead) {
  Pair pair;
  pair.turn([](Pair::End&) {}, "all");
  pair.a.hang_up();
  pair.loop.turn(0);
  EXPECT_TRUE(pair.a.stream->peer_ended());
  EXPECT_EQ(pair.a.read(), "all");
  char octet;
  EXPECT_EQ(pair.a.stream->read(&octet, 1).state, IoState::end);
}

TEST(TcpStream, PipesGetWhatWasReceivedAheadFirst) {
  Pair pair;
  pair.turn([](Pair::End&) {}, "octets for a pipe");
  PipeLease pipe = take_pipe();
  ASSERT_NE(pipe, nullptr);
  EXPECT_FALSE(pair.a.stream->pipes());
  Io io = pair.a.stream->fill(*pipe, 6);
  EXPECT_EQ(io.state, IoState::ok);
  EXPECT_EQ(io.bytes, 6u);
  EXPECT_EQ(pair.b.stream->drain(*pipe).bytes, 6u);
  EXPECT_EQ(pair.b.heard(), "octets");
  EXPECT_EQ(pair.a.stream->fill(*pipe, 100).bytes, 11u);
  EXPECT_TRUE(pair.a.stream->pipes());
}

// Uncopied while the turn lasts; who still needs them then has them all the same.
TEST(TcpStream, InboxesBorrowWhatWasReceivedAhead) {
  Pair pair;
  Inbox first;
  Inbox second;
  const char* lent = nullptr;
  pair.turn(
      [&](Pair::End& end) {
        Inbox& inbox = &end == &pair.a ? first : second;
        EXPECT_EQ(inbox.fill(*end.stream).bytes, 11u);
        EXPECT_FALSE(end.stream->can_read());
        if (&inbox == &first) {
          lent = inbox.data();
        } else {
          EXPECT_EQ(first.data(), lent + 4);  // still there
        }
        inbox.consume(&end == &pair.a ? 4 : 11);
      },
      "half a head");
  EXPECT_TRUE(second.empty());
  pair.turn([](Pair::End& end) { EXPECT_EQ(end.read(), "overwritten"); }, "overwritten");
  EXPECT_EQ(first.view(), " a head");
}

TEST(TcpStream, MessagesOfATurnLeaveAtItsEnd) {
  Pair pair;
  pair.turn([&](Pair::End& end) {
    EXPECT_EQ(end.write("head "), IoState::ok);
    EXPECT_EQ(end.write("body"), IoState::ok);
    EXPECT_EQ(end.stream->untaken(), 9u);
    EXPECT_EQ(end.stream->acknowledged(9), 0u);
    EXPECT_EQ(end.heard(), "");
  });
  for (Pair::End* end : {&pair.a, &pair.b}) {
    EXPECT_EQ(end->heard(), "head body");
    EXPECT_EQ(end->stream->untaken(), 0u);
  }
}

// With one event alone nothing is gained by waiting.
TEST(TcpStream, AMessageAloneLeavesAtOnce) {
  Pair pair;
  pair.a.act = [](Pair::End& end) {
    EXPECT_EQ(end.write("now"), IoState::ok);
    EXPECT_EQ(end.heard(), "now");
  };
  pair.a.say("x");
  pair.loop.turn(0);
  EXPECT_EQ(pair.a.events, 1);
}

TEST(TcpStream, NothingOvertakesAMessageThatWaits) {
  std::string much(20000, 'm');
  std::string longer(3000, 'l');
  Pair pair;
  pair.turn([&](Pair::End& end) {
    EXPECT_EQ(end.write("1"), IoState::ok);
    EXPECT_EQ(pair.b.write("2"), IoState::ok);
    EXPECT_EQ(end.write("3"), IoState::ok);  // not the newest of the batch any more
    EXPECT_EQ(end.write(longer), IoState::ok);
    EXPECT_EQ(end.write("4"), IoState::ok);
    iovec last{much.data(), much.size()};
    EXPECT_EQ(end.stream->write_last(&last, 1).bytes, much.size());
    end.stream->shutdown_write();
  });
  EXPECT_EQ(pair.a.heard(), "13" + longer + "4" + much);
  EXPECT_EQ(pair.b.heard(), "2123" + longer + "4" + much);
}

TEST(TcpStream, ClosingSendsWhatWaits) {
  Pair pair;
  pair.turn([](Pair::End& end) {
    EXPECT_EQ(end.write("last words"), IoState::ok);
    end.stream->close(false);
  });
  EXPECT_EQ(pair.a.heard(), "last words");
  EXPECT_EQ(pair.b.heard(), "last words");
}

TEST(TcpStream, AMessageThatFindsNoRoomWaitsForIt) {
  Pair pair;
  size_t before = pair.fill_up();
  std::string message(2000, 'm');
  pair.turn([&](Pair::End& end) {
    if (&end != &pair.a) return;
    EXPECT_EQ(end.write(message), IoState::ok);
  });
  EXPECT_FALSE(pair.a.stream->can_write());
  EXPECT_NE(pair.a.stream->untaken(), 0u);
  EXPECT_EQ(pair.a.write("too early"), IoState::again);
  pair.a.stream->shutdown_write();
  std::string heard;
  for (int turns = 0; turns < 10 && pair.a.stream->untaken() != 0; turns++) {
    heard += pair.a.heard();
    pair.loop.turn(0);
  }
  EXPECT_TRUE(pair.a.stream->can_write());
  heard += pair.a.heard();
  EXPECT_EQ(heard, std::string(before, 'x') + message);
  char octet;
  EXPECT_EQ(::read(pair.a.peer, &octet, 1), 0);  // the end mark came behind it
}

// Whoever wrote learns of it, and that nothing of it has left.
TEST(TcpStream, AMessageThatWasLostIsTold) {
  Pair pair;
  bool told = false;
  pair.turn([&](Pair::End& end) {
    if (&end != &pair.a || end.stream->broken()) {
      told = told || end.stream->broken();
      return;
    }
    end.hang_up();
    EXPECT_EQ(end.write("nobody hears this"), IoState::ok);
  });
  EXPECT_TRUE(told);
  EXPECT_TRUE(pair.a.stream->broken());
  EXPECT_EQ(pair.a.stream->untaken(), 17u);
}

TEST(TcpStream, ACrowdGreaterThanABatchLosesNothing) {
  Loop loop;
  std::vector<std::unique_ptr<Pair::End>> crowd;
  std::string message(2048, 'm');
  for (int i = 0; i < 200; i++) {
    crowd.push_back(std::make_unique<Pair::End>(loop));
    crowd.back()->act = [&](Pair::End& end) {
      std::string asked = end.read();
      EXPECT_EQ(end.write(asked + message.substr(asked.size())), IoState::ok);
    };
    crowd.back()->say(std::string(1 + i * 7, 'q'));
  }
  for (int turns = 0; turns < 8; turns++) loop.turn(0);
  for (int i = 0; i < 200; i++) {
    std::string asked(1 + i * 7, 'q');
    EXPECT_EQ(crowd[i]->heard(), asked + message.substr(asked.size()));
  }
}

}  // namespace
}  // namespace pylon::net
