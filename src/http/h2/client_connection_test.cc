#include "http/h2/client_connection.h"

#include <gtest/gtest.h>

#include "http/h2/test_peer.h"

namespace pylon::http::h2 {
namespace {

const RequestLine kRequest[] = {
    {":method", "GET"}, {":scheme", "http"}, {":authority", "a.test"}, {":path", "/"}};

class Http2Client : public testing::Test {
 protected:
  Http2Client() {
    auto [near, far] = net::MemoryStream::pair();
    gateway = near.get();
    upstream = std::move(far);
    connection = new ClientConnection(loop, std::move(near), shared, {1, 0, 60'000'000});
    pool.push_back(*connection);
    say(frame(FrameType::settings, 0, 0, ""));
  }
  ~Http2Client() override {
    for (ClientStream* stream : asked) stream->end();
    while (!pool.empty()) pool.front()->close();
    loop.turn(0);
  }

  ClientStream& ask(bool end = true) {
    ClientStream& stream = connection->add();
    stream.use(waker);
    OutgoingHead head;
    head.http2 = kRequest;
    stream.send_head(head, h1::Framing::none, {}, end);
    asked.push_back(&stream);
    say("");
    return stream;
  }
  void say(std::string_view octets) {
    if (!octets.empty()) upstream->write(octets.data(), octets.size());
    for (int i = 0; i < 20; i++) {
      if (!pool.empty()) gateway->pump();
      loop.turn(0);
    }
    std::string heard = read_all(*upstream);
    greeted ? seen.take(heard) : seen_raw(heard);
  }
  void seen_raw(const std::string& heard) {
    ASSERT_TRUE(heard.starts_with(kPreface));
    greeted = true;
    seen.take(std::string_view(heard).substr(kPreface.size()));
  }
  ReadHead read_head(ClientStream& stream) {
    response.emplace(arena);
    return stream.read_head({}, Method::get, *response);
  }

  net::Loop loop;
  net::Waker waker{loop};
  ClientConnection::Shared shared;
  IntrusiveList<ClientConnection> pool;
  ClientConnection* connection = nullptr;
  net::MemoryStream* gateway = nullptr;
  std::unique_ptr<net::MemoryStream> upstream;
  std::vector<ClientStream*> asked;
  Arena arena;
  std::optional<Response> response;
  BlockWriter writer;
  Received seen;
  bool greeted = false;
};

TEST_F(Http2Client, AnAnswerWithTrailers) {
  ClientStream& stream = ask();
  EXPECT_TRUE(seen.streams[1].ended);
  EXPECT_EQ(read_head(stream), ReadHead::again);
  say(writer.head(1, {{":status", "103"}, {"link", "</a>"}}, false) +
      writer.head(1, {{":status", "200"}, {"x-a", "b"}}, false) +
      frame(FrameType::data, 0, 1, "octets") + writer.head(1, {{"x-t", "1"}}, true));
  EXPECT_EQ(read_head(stream), ReadHead::complete);
  EXPECT_EQ(response->status, 103);
  EXPECT_EQ(read_head(stream), ReadHead::complete);
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->fields.get("x-a"), "b");
  Chunk chunk = stream.body().pull();
  EXPECT_EQ(chunk.state, Pull::end);
  EXPECT_EQ(chunk.octets, "octets");
  EXPECT_EQ(stream.trailers(), "x-t: 1\r\n\r\n");
}

TEST_F(Http2Client, AnAnswerCutShortIsAnError) {
  ClientStream& stream = ask();
  say(writer.head(1, {{":status", "200"}, {"content-length", "5"}}, false) +
      frame(FrameType::data, kFlagEndStream, 1, "ab"));
  EXPECT_EQ(read_head(stream), ReadHead::complete);
  EXPECT_EQ(stream.body().pull().state, Pull::error);
  ClientStream& reset = ask();
  say(writer.head(3, {{":status", "200"}}, false) + frame(FrameType::data, 0, 3, "ab") +
      frame(FrameType::rst_stream, 0, 3, u32(2)));
  EXPECT_EQ(read_head(reset), ReadHead::complete);
  EXPECT_EQ(reset.body().pull().state, Pull::error);
}

TEST_F(Http2Client, MalformedAnswers) {
  const Lines wrong[] = {{{"x-a", "b"}},
                         {{":status", "2000"}},
                         {{":status", "101"}},
                         {{":status", "200"}, {"connection", "close"}},
                         {{":status", "200"}, {"X-A", "b"}},
                         {{":status", "200"}, {"x-a", "b\r\nc"}},
                         {{":status", "200"}, {":path", "/"}}};
  uint32_t id = 1;
  for (const Lines& lines : wrong) {
    ClientStream& stream = ask();
    say(writer.head(id, lines, true));
    EXPECT_EQ(read_head(stream), ReadHead::malformed) << lines.back().first;
    id += 2;
  }
  EXPECT_TRUE(connection->has_room());
}

TEST_F(Http2Client, WhatWasNotProcessedLooksUnsent) {
  ClientStream& first = ask();
  ClientStream& refused = ask();
  ClientStream& beyond = ask();
  EXPECT_NE(beyond.sent_bytes(), 0u);
  say(frame(FrameType::rst_stream, 0, 3, u32(7)));
  EXPECT_EQ(refused.sent_bytes(), 0u);
  EXPECT_EQ(read_head(refused), ReadHead::closed);
  say(frame(FrameType::goaway, 0, 0, u32(1) + u32(0)));
  EXPECT_EQ(beyond.sent_bytes(), 0u);
  EXPECT_EQ(read_head(beyond), ReadHead::closed);
  EXPECT_FALSE(connection->has_room());
  say(writer.head(1, {{":status", "204"}}, true));
  EXPECT_EQ(read_head(first), ReadHead::complete);
}

TEST_F(Http2Client, ALostConnectionEndsAllStreams) {
  ClientStream& one = ask();
  ClientStream& two = ask();
  upstream->close(true);
  say("");
  EXPECT_EQ(read_head(one), ReadHead::closed);
  EXPECT_EQ(read_head(two), ReadHead::closed);
}

TEST_F(Http2Client, AGivenUpExchangeIsCancelled) {
  ClientStream& stream = ask(false);
  asked.clear();
  stream.end();
  say("");
  EXPECT_EQ(seen.streams[1].reset, static_cast<int>(ErrorCode::cancel));
}

// As much as the window lets through: nothing more until it was read and is asked for again.
TEST_F(Http2Client, AWindowOpensWhenItsBodyIsReadAndOnlyItsOwn) {
  ClientStream& idle = ask();
  ClientStream& stream = ask();
  const std::string window(ClientConnection::kGrants.stream_window, 'x');
  say(writer.head(1, {{":status", "200"}}, false) + frame(FrameType::data, 0, 1, window));
  say(writer.head(3, {{":status", "200"}}, false) + frame(FrameType::data, 0, 3, window));
  EXPECT_EQ(read_head(idle), ReadHead::complete);
  EXPECT_EQ(read_head(stream), ReadHead::complete);
  EXPECT_EQ(stream.body().pull().octets.size(), window.size());
  say("");
  EXPECT_EQ(seen.streams[3].window, 0u);
  EXPECT_EQ(stream.body().pull().state, Pull::again);
  say("");
  EXPECT_EQ(seen.streams[3].window, 2 * window.size());  // and as much again: it reads well
  EXPECT_EQ(seen.streams[1].window, 0u);
  say(frame(FrameType::data, 0, 1, "x"));
  EXPECT_EQ(idle.body().pull().state, Pull::error);  // more than it was granted
}

TEST_F(Http2Client, WindowsGrowOutOfABudget) {
  shared.windows.lent = WindowBudget::kMost;
  ClientStream& stream = ask();
  const std::string window(ClientConnection::kGrants.stream_window, 'x');
  say(writer.head(1, {{":status", "200"}}, false));
  EXPECT_EQ(read_head(stream), ReadHead::complete);
  for (size_t i = 1; i <= 3; i++) {
    say(frame(FrameType::data, 0, 1, window));
    EXPECT_EQ(stream.body().pull().octets.size(), window.size());
    EXPECT_EQ(stream.body().pull().state, Pull::again);
    say("");
    EXPECT_EQ(seen.streams[1].window, i * window.size());
  }
}

TEST_F(Http2Client, WhereLargeAnswersComeTheNextHasAWideWindow) {
  ClientStream& first = ask();
  const std::string window(ClientConnection::kGrants.stream_window, 'x');
  say(writer.head(1, {{":status", "200"}}, false) + frame(FrameType::data, 0, 1, window));
  EXPECT_EQ(read_head(first), ReadHead::complete);
  while (first.body().pull().state == Pull::data) {
  }
  ask();
  EXPECT_EQ(window.size() + seen.streams[3].window, 64u << 10);
}

// The upstream needs no more of the request, and says so (RFC 9113 8.1).
TEST_F(Http2Client, AWholeAnswerStaysOneWhenTheStreamIsReset) {
  ClientStream& stream = ask(false);
  say(writer.head(1, {{":status", "200"}}, false) +
      frame(FrameType::data, kFlagEndStream, 1, "octets") +
      frame(FrameType::rst_stream, 0, 1, u32(0)));
  EXPECT_EQ(read_head(stream), ReadHead::complete);
  Chunk chunk = stream.body().pull();
  EXPECT_EQ(chunk.state, Pull::end);
  EXPECT_EQ(chunk.octets, "octets");
}

// The connection's window may open last.
TEST_F(Http2Client, TheConnectionsWindowHoldsBackAndLetsGo) {
  say(frame(FrameType::settings, 0, 0, setting(Setting::initial_window_size, 100'000)));
  ClientStream& stream = ask(false);
  int woken = 0;
  net::Waker counting(
      loop, [](void* count) { ++*static_cast<int*>(count); }, &woken);
  stream.use(counting);
  EXPECT_EQ(stream.push(std::string(70'000, 'x'), true), Push::blocked);
  say("");
  for (int i = 0; i < 3; i++) {
    EXPECT_EQ(stream.flush(), Push::blocked);
    say("");
  }
  EXPECT_EQ(seen.streams[1].body.size(), 65'535u);
  woken = 0;
  say(frame(FrameType::window_update, 0, 0, u32(10'000)));
  EXPECT_GE(woken, 1);
  EXPECT_EQ(stream.flush(), Push::done);
  say("");
  EXPECT_EQ(seen.streams[1].body.size(), 70'000u);
  stream.use(waker);
}

// A server that streams small messages has sent some when it learns of the reset.
TEST_F(Http2Client, WhatWasOnItsWayToACancelledStreamIsNoFlood) {
  ClientStream& cancelled = ask();
  say(writer.head(1, {{":status", "200"}}, false));
  cancelled.end();
  asked.clear();
  std::string octet = frame(FrameType::data, 0, 1, "x"), octets;
  for (int i = 0; i < 4096; i++) octets += octet;  // all that its window allows
  say(octets);
  EXPECT_TRUE(seen.goaways.empty());
  EXPECT_TRUE(connection->has_room());
  say(octets);
  EXPECT_EQ(seen.goaways.size(), 1u);
}

class Http2Silence : public Http2Client {
 protected:
  void wait_s(int64_t seconds) {
    loop.skip(seconds * 1'000'000);
    say("");
  }
  void answer_ping() { say(frame(FrameType::ping, kFlagAck, 0, seen.pings.back())); }
  uint64_t lost_for_it() const {
    return shared.nuisances.ended[static_cast<size_t>(Nuisance::silence)];
  }
};

TEST_F(Http2Silence, APeerThatIsGoneIsGivenUp) {
  ClientStream& stream = ask();
  wait_s(9);
  EXPECT_EQ(seen.pings.size(), 0u);
  wait_s(2);
  EXPECT_EQ(seen.pings.size(), 1u);
  EXPECT_TRUE(connection->has_room());
  wait_s(2);
  EXPECT_FALSE(connection->has_room());
  EXPECT_EQ(read_head(stream), ReadHead::again);
  wait_s(19);
  EXPECT_EQ(read_head(stream), ReadHead::closed);
  EXPECT_EQ(lost_for_it(), 1u);
}

TEST_F(Http2Silence, ASlowPeerThatAnswersStays) {
  ClientStream& stream = ask();
  wait_s(11);
  wait_s(2);
  answer_ping();
  EXPECT_TRUE(connection->has_room());
  wait_s(200);
  EXPECT_EQ(seen.pings.size(), 1u);  // another would be a fault, for servers of gRPC
  wait_s(111);
  ASSERT_EQ(seen.pings.size(), 2u);
  answer_ping();
  say(writer.head(1, {{":status", "200"}}, false));
  EXPECT_EQ(read_head(stream), ReadHead::complete);
  wait_s(11);
  EXPECT_EQ(seen.pings.size(), 3u);  // it has said something
  EXPECT_EQ(lost_for_it(), 0u);
}

TEST_F(Http2Silence, WithoutExchangesNobodyIsAsked) {
  ClientStream& stream = ask();
  say(writer.head(1, {{":status", "200"}}, true));
  stream.end();
  asked.clear();
  wait_s(30);
  EXPECT_EQ(seen.pings.size(), 0u);
  EXPECT_EQ(pool.size(), 1u);
  wait_s(31);
  EXPECT_EQ(pool.size(), 0u);
}

}  // namespace
}  // namespace pylon::http::h2
