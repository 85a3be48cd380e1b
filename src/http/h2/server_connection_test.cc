#include "http/h2/server_connection.h"

#include <gtest/gtest.h>

#include "http/h2/test_peer.h"

namespace pylon::http::h2 {
namespace {

const Lines kGet = {
    {":method", "GET"}, {":scheme", "http"}, {":authority", "a.test"}, {":path", "/"}};
const Lines kPost = {
    {":method", "POST"}, {":scheme", "http"}, {":authority", "a.test"}, {":path", "/p"}};

class Http2Server : public testing::Test {
 protected:
  void open(std::string_view settings = {}) {
    auto [near, far] = net::MemoryStream::pair();
    server = near.get();
    client = std::move(far);
    ConnectionEnds ends;
    ServerConnection::open(loop, std::move(near), ends, limits, service, all);
    say(std::string(kPreface) + frame(FrameType::settings, 0, 0, settings));
  }
  void say(std::string_view octets) {
    if (!octets.empty()) client->write(octets.data(), octets.size());
    for (int i = 0; i < 20 && service.closed == 0; i++) {
      server->pump();
      if (service.closed == 0) loop.turn(0);
    }
    seen.take(read_all(*client));
  }
  uint64_t ended_for(Nuisance nuisance) const {
    return all.nuisances.ended[static_cast<size_t>(nuisance)];
  }
  ~Http2Server() override {
    all.close_all();
    loop.turn(0);
    EXPECT_EQ(all.size(), 0u);
    EXPECT_EQ(all.head_octets, 0u);
  }

  net::Loop loop;
  ServerLimits limits;
  EchoService service;
  ServerConnections all;
  net::MemoryStream* server = nullptr;
  std::unique_ptr<net::MemoryStream> client;
  BlockWriter writer;
  Received seen;
};

TEST_F(Http2Server, Answers) {
  open();
  say(writer.head(1, kGet, true) + writer.head(3, kPost, false) +
      frame(FrameType::data, kFlagEndStream, 3, "body"));
  EXPECT_EQ(seen.acknowledged, 1);
  ASSERT_EQ(service.asked.size(), 2u);
  EXPECT_EQ(service.asked[0].host, "a.test");
  EXPECT_EQ(seen.streams[1].lines[0].second, "200");
  EXPECT_TRUE(seen.streams[1].ended);
  EXPECT_EQ(seen.streams[3].body, "body");
  EXPECT_TRUE(seen.streams[3].ended);
  EXPECT_EQ(all.idle.size(), 1u);
}

TEST_F(Http2Server, TakesOctetByOctet) {
  open();
  for (char octet : writer.head(1, kPost, false) + frame(FrameType::data, 1, 1, "ab")) {
    say({&octet, 1});
  }
  EXPECT_EQ(seen.streams[1].body, "ab");
}

TEST_F(Http2Server, AClosedWindowHoldsTheBodyBackButNotTheHead) {
  service.body = std::string(1000, 'x');
  open(setting(Setting::initial_window_size, 10));
  say(writer.head(1, kGet, true));
  EXPECT_EQ(seen.streams[1].lines[0].second, "200");
  EXPECT_EQ(seen.streams[1].body.size(), 10u);
  say(frame(FrameType::window_update, 0, 1, u32(500)));
  EXPECT_EQ(seen.streams[1].body.size(), 510u);
  say(frame(FrameType::rst_stream, 0, 1, u32(8)));
  EXPECT_EQ(all.idle.size(), 1u);
}

// The connection's window may open last, and for several streams.
TEST_F(Http2Server, TheConnectionsWindowHoldsBackAndLetsGo) {
  service.body = std::string(50'000, 'x');
  open(setting(Setting::initial_window_size, 100'000));
  say(writer.head(1, kGet, true) + writer.head(3, kGet, true));
  EXPECT_EQ(seen.streams[1].body.size() + seen.streams[3].body.size(), 65'535u);
  say(frame(FrameType::window_update, 0, 3, u32(1)));
  say(frame(FrameType::window_update, 0, 0, u32(34'000)));
  EXPECT_EQ(seen.streams[1].body.size() + seen.streams[3].body.size(), 99'535u);
  say(frame(FrameType::window_update, 0, 0, u32(1'000)));
  EXPECT_TRUE(seen.streams[1].ended && seen.streams[3].ended);
}

TEST_F(Http2Server, WindowsOpenAsBodiesAreRead) {
  open();
  uint64_t before = seen.opened;
  std::string octets = writer.head(1, kPost, false);
  for (int i = 0; i < 8; i++) octets += frame(FrameType::data, 0, 1, std::string(16384, 'x'));
  say(octets);
  EXPECT_GE(seen.opened - before, 65536u);  // of the stream, whose window is 128 KiB
  say(frame(FrameType::data, kFlagEndStream, 1, std::string(16384, 'x')));
  EXPECT_TRUE(seen.streams[1].lines[0].second == "200") << seen.streams[1].reset;
}

TEST_F(Http2Server, AMalformedRequestCostsItsStreamOnly) {
  open();
  Lines wrong = kGet;
  wrong.emplace_back("connection", "close");
  say(writer.head(1, wrong, true) + writer.head(3, kGet, true));
  EXPECT_EQ(seen.streams[1].reset, 1);
  EXPECT_EQ(seen.streams[3].lines[0].second, "200");
  EXPECT_EQ(service.asked.size(), 1u);
}

TEST_F(Http2Server, AConnectionErrorIsToldAndEndsIt) {
  open();
  say(frame(FrameType::data, 0, 0, "x"));
  ASSERT_EQ(seen.goaways.size(), 1u);
  EXPECT_EQ(seen.goaways[0].second, 1u);
  client->shutdown_write();
  say("");
  EXPECT_EQ(service.closed, 1);
}

TEST_F(Http2Server, RapidResetsEndTheConnection) {
  open();
  for (int i = 0; i < 400 && seen.goaways.empty(); i++) {
    uint32_t id = static_cast<uint32_t>(2 * i + 1);
    say(writer.head(id, kPost, false) + frame(FrameType::rst_stream, 0, id, u32(8)));
  }
  ASSERT_EQ(seen.goaways.size(), 1u);
  EXPECT_EQ(seen.goaways[0].second, static_cast<uint32_t>(ErrorCode::enhance_your_calm));
  EXPECT_EQ(ended_for(Nuisance::reset), 1u);
}

// As grpcio does for every message. Half of them come when nothing is to be sent any more.
TEST_F(Http2Server, UpdatesOfTheWindowForSmallDataAreNoFlood) {
  service.body = std::string(3000, 'x');
  open(setting(Setting::initial_window_size, 1));
  say(writer.head(1, kGet, true));
  std::string update = frame(FrameType::window_update, 0, 1, u32(1));
  std::string of_connection = frame(FrameType::window_update, 0, 0, u32(1));
  for (int i = 1; i < 3000; i++) say(update);
  EXPECT_EQ(seen.streams[1].body.size(), 3000u);
  for (int i = 0; i < 3000; i++) say(of_connection);
  EXPECT_TRUE(seen.goaways.empty());
  EXPECT_EQ(all.nuisances.seen[static_cast<size_t>(Nuisance::window_update)], 0u);
  for (int i = 0; i < 12000 && seen.goaways.empty(); i++) say(of_connection);
  ASSERT_EQ(seen.goaways.size(), 1u);
  EXPECT_EQ(ended_for(Nuisance::window_update), 1u);
}

// An octet of the block stands for 4,000: a field of the table, named again and again.
TEST_F(Http2Server, ABlockThatSaysMuchMoreThanItMeasuresEndsTheConnection) {
  open();
  std::string large =
      "\x40\x01"
      "a\x7f\xa1\x1e" +
      std::string(4000, 'x');
  say(frame(FrameType::headers, 0, 1, "\x82\x86\x84" + large + std::string(400, '\xbe')));
  ASSERT_EQ(seen.goaways.size(), 1u);
  EXPECT_EQ(seen.goaways[0].second, static_cast<uint32_t>(ErrorCode::enhance_your_calm));
}

TEST_F(Http2Server, DrainsInTwoSteps) {
  open();
  say(writer.head(1, kPost, false));
  all.drain();
  say("");
  ASSERT_EQ(seen.goaways.size(), 1u);
  EXPECT_EQ(seen.goaways[0].first, kMaxStreamId);
  say(frame(FrameType::ping, kFlagAck, 0, std::string("pylon\0\0\1", 8)));
  ASSERT_EQ(seen.goaways.size(), 2u);
  EXPECT_EQ(seen.goaways[1].first, 1u);
  say(frame(FrameType::data, kFlagEndStream, 1, "late"));
  EXPECT_EQ(seen.streams[1].body, "late");
}

TEST_F(Http2Server, WhoComesWhileItDrainsIsServedAndSentAway) {
  service.drains = true;
  open();
  ASSERT_EQ(seen.goaways.size(), 1u);
  say(writer.head(1, kGet, true));
  EXPECT_TRUE(seen.streams[1].ended);
  say(frame(FrameType::ping, kFlagAck, 0, std::string("pylon\0\0\1", 8)));
  EXPECT_EQ(seen.goaways.back().first, 1u);
  EXPECT_TRUE(seen.streams[1].ended);
}

TEST_F(Http2Server, ExtendedConnectIsAnUpgrade) {
  open();
  EXPECT_NE(seen.settings.find(setting(Setting::enable_connect_protocol, 1)), std::string::npos);
  say(writer.head(1,
                  {{":method", "CONNECT"},
                   {":protocol", "websocket"},
                   {":scheme", "https"},
                   {":authority", "a.test"},
                   {":path", "/chat"}},
                  false));
  ASSERT_EQ(service.asked.size(), 1u);
  EXPECT_EQ(service.asked[0].method, "GET");
  EXPECT_EQ(service.asked[0].target, "/chat");
  EXPECT_EQ(service.asked[0].upgrade, "websocket");
  EXPECT_EQ(seen.streams[1].lines[0].second, "502");  // 200 would say that the tunnel stands
}

TEST_F(Http2Server, HeadsBeyondTheLimitsAreRefused) {
  limits.head.head_bytes = 1000;
  open();
  Lines large = kGet;
  large.emplace_back("x-large", std::string(2000, 'x'));
  say(writer.head(1, large, true));
  EXPECT_EQ(seen.streams[1].lines[0].second, "431");
}

}  // namespace
}  // namespace pylon::http::h2
