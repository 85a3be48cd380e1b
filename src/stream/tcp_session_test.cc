#include "stream/tcp_session.h"

#include <gtest/gtest.h>

#include "stream/workplace_test.h"

namespace pylon::stream {
namespace {

using net::IoState;
using net::MemoryStream;
using Plan = MemoryDialer::Plan;

constexpr const char* kNode = R"({"nodes":{"10.0.0.1:1":1}})";
constexpr const char* kTwoNodes =
    R"({"type":"roundrobin","nodes":[{"host":"10.0.0.1","port":1,"weight":1,"priority":1},
                                     {"host":"10.0.0.2","port":2,"weight":1}]})";

class TcpSessionTest : public testing::Test {
 protected:
  ~TcpSessionTest() override {
    proxy_.close_all();
    place_.loop.turn(0);
  }

  void accept(size_t room = 1 << 20) {
    auto [near, far] = MemoryStream::pair(room);
    if (proxy_.sessions() == 0) place_.dialer.current = nullptr;
    near_ = near.get();
    client_ = std::move(far);
    http::ConnectionEnds ends;
    ends.set_client(*IpAddress::parse("192.0.2.1"), 50000);
    ends.server = *IpAddress::parse("192.0.2.9");
    ends.server_port = 9100;
    proxy_.accept(std::move(near), {ends, {}, false});
    turn();
  }
  // Until nobody has anything to tell.
  void turn() {
    bool news = true;
    for (int round = 0; news && round < 1000; round++) {
      news = client_->pump();
      for (auto& node : place_.dialer.nodes) news |= node->pump();
      if (proxy_.sessions() > 0) news |= near_->pump();
      if (proxy_.sessions() > 0 && place_.dialer.current != nullptr) {
        news |= place_.dialer.current->pump();
      }
      place_.loop.turn(0);
    }
  }
  void pass(int64_t us) {
    place_.loop.skip(us);
    place_.loop.turn(0);
    turn();
  }
  void send(MemoryStream& from, std::string_view octets) {
    net::Io io = from.write(octets.data(), octets.size());
    ASSERT_EQ(io.state, IoState::ok);
    ASSERT_EQ(io.bytes, octets.size());
    turn();
  }
  // All that has come; "end" and "reset" as words in brackets.
  static std::string got(MemoryStream& at) {
    std::string all;
    char octets[4096];
    for (;;) {
      net::Io io = at.read(octets, sizeof octets);
      if (io.state == IoState::end) return all + "[end]";
      if (io.state == IoState::error) return all + "[reset]";
      if (io.state == IoState::again) return all;
      all.append(octets, io.bytes);
    }
  }
  MemoryStream& node(size_t index = 0) { return *place_.dialer.nodes.at(index); }
  using Logged = std::vector<Gate::Line>;

  TestWorkplace place_;
  TcpLimits limits_{.preread_bytes = 64,
                    .preread_timeout_us = 1'000'000,
                    .name_timeout_us = 500'000,
                    .idle_timeout_us = 10'000'000};
  TcpProxy proxy_{place_.place(), limits_};
  MemoryStream* near_ = nullptr;  // the session's end of the client's connection
  std::unique_ptr<MemoryStream> client_;
};

TEST_F(TcpSessionTest, OctetsGoBothWaysAndEndsArePassedOn) {
  place_.serve(kNode, "{}");
  accept();
  EXPECT_EQ(proxy_.presence().places().at(0).sessions, 1u);
  send(*client_, "hello");
  EXPECT_EQ(got(node()), "hello");
  send(node(), "answer");
  EXPECT_EQ(got(*client_), "answer");
  client_->shutdown_write();
  turn();
  EXPECT_EQ(got(node()), "[end]");
  send(node(), "after the end");
  EXPECT_EQ(got(*client_), "after the end");
  node().shutdown_write();
  turn();
  EXPECT_EQ(got(*client_), "[end]");
  EXPECT_EQ(proxy_.sessions(), 0u);
  EXPECT_EQ(proxy_.presence().places().at(0).sessions, 0u);
  EXPECT_EQ(Gate::logged, (Logged{{200, 5, 19}}));
}

TEST_F(TcpSessionTest, ASlowReaderHoldsTheSenderBack) {
  constexpr size_t kRoom = 1000;
  place_.dialer.room = kRoom;
  place_.serve(kNode);
  accept(64 << 10);
  std::string much(1 << 20, 'x');
  size_t taken = 0;
  for (int round = 0; round < 100; round++) {
    net::Io io = client_->write(much.data(), much.size());
    if (io.state == IoState::again) break;
    taken += io.bytes;
    turn();
  }
  EXPECT_LE(taken, (64u << 10) * 2 + (32u << 10) + kRoom);
  std::string all;
  for (int round = 0; all.size() < taken && round < 1000; round++) {
    all += got(node());
    turn();
  }
  EXPECT_EQ(all.size(), taken);
}

TEST_F(TcpSessionTest, AResetIsNoEnd) {
  place_.serve(kNode, "{}");
  accept();
  node().close(true);
  turn();
  EXPECT_EQ(got(*client_), "[reset]");
  accept();
  client_->close(true);
  turn();
  EXPECT_EQ(got(node(1)), "[reset]");
  EXPECT_EQ(proxy_.sessions(), 0u);
  EXPECT_EQ(Gate::logged.size(), 2u);
}

TEST_F(TcpSessionTest, SilenceEndsASession) {
  place_.serve(kNode, "{}");
  accept();
  pass(9'000'000);
  send(*client_, "still here");
  pass(9'000'000);
  EXPECT_EQ(proxy_.sessions(), 1u);
  pass(1'500'000);
  EXPECT_EQ(proxy_.sessions(), 0u);
  EXPECT_EQ(got(*client_), "[end]");
  EXPECT_EQ(Gate::logged.size(), 1u);
}

TEST_F(TcpSessionTest, WhatAPluginLookedAtGoesToTheNode) {
  place_.serve(kNode, R"({"wants":5})");
  accept();
  send(*client_, "abc");
  EXPECT_TRUE(place_.dialer.asked.empty());
  send(*client_, "defg");
  EXPECT_EQ(got(node()), "abcdefg");
}

TEST_F(TcpSessionTest, APluginDoesNotWaitForever) {
  place_.serve(kNode, R"({"wants":5})");
  accept();
  pass(1'100'000);
  EXPECT_EQ(got(*client_), "[end]");
  accept();
  client_->shutdown_write();  // no more will come
  turn();
  EXPECT_EQ(got(*client_), "[end]");
  EXPECT_EQ(proxy_.counts().refused, 2u);
  EXPECT_EQ(Gate::logged, (Logged{{403, 0, 0}, {403, 0, 0}}));
  EXPECT_TRUE(place_.dialer.asked.empty());
}

TEST_F(TcpSessionTest, APluginGetsNoMoreThanTheLimit) {
  place_.serve(kNode, R"({"wants":100})");
  accept();
  send(*client_, std::string(80, 'x'));
  EXPECT_EQ(got(*client_), "[end]");
  EXPECT_EQ(proxy_.counts().refused, 1u);
}

TEST_F(TcpSessionTest, ARefusedSessionReachesNoNode) {
  place_.serve(kNode, R"({"refuses":true})");
  accept();
  EXPECT_EQ(got(*client_), "[end]");
  EXPECT_TRUE(place_.dialer.asked.empty());
  EXPECT_EQ(Gate::logged, (Logged{{403, 0, 0}}));
}

TEST_F(TcpSessionTest, APausePassesAndAClientThatLeavesEndsIt) {
  place_.serve(kNode, R"({"pause":1000})");
  accept();
  EXPECT_TRUE(place_.dialer.asked.empty());
  pass(1'100'000);
  EXPECT_EQ(place_.dialer.asked.size(), 1u);
  proxy_.close_all();
  turn();
  accept();
  client_->close(true);
  pass(1'100'000);
  EXPECT_EQ(proxy_.sessions(), 0u);
  EXPECT_EQ(Gate::logged.size(), 2u);
}

TEST_F(TcpSessionTest, TheNextNodeIsTried) {
  place_.serve(kTwoNodes, "{}");
  place_.dialer.plans = {Plan::fails, Plan::connects};
  accept();
  EXPECT_EQ(place_.dialer.asked, (std::vector<std::string>{"10.0.0.1:1", "10.0.0.2:2"}));
  send(*client_, "x");
  EXPECT_EQ(got(node(1)), "x");
}

TEST_F(TcpSessionTest, ANodeThatDoesNotAnswerIsGivenUp) {
  place_.serve(kTwoNodes, "{}");
  place_.dialer.plans = {Plan::hangs, Plan::connects};
  accept();
  EXPECT_EQ(place_.dialer.asked.size(), 1u);
  pass(61'000'000);
  EXPECT_EQ(place_.dialer.asked.size(), 2u);
  EXPECT_EQ(proxy_.sessions(), 1u);
}

TEST_F(TcpSessionTest, WithoutANodeTheClientIsClosed) {
  place_.serve(kTwoNodes, "{}");
  place_.dialer.plans = {Plan::fails, Plan::fails};
  accept();
  EXPECT_EQ(got(*client_), "[end]");
  EXPECT_EQ(proxy_.counts().unreached, 1u);
  EXPECT_EQ(Gate::logged, (Logged{{502, 0, 0}}));
}

TEST_F(TcpSessionTest, NobodyTakesAConnectionWithoutARoute) {
  place_.publish();
  accept();
  EXPECT_EQ(got(*client_), "[end]");
  EXPECT_EQ(proxy_.counts().unmatched, 1u);
  EXPECT_EQ(proxy_.sessions(), 0u);
}

TEST_F(TcpSessionTest, AClientThatLeavesWhileANodeIsSoughtEndsTheSearch) {
  place_.serve(kTwoNodes, "{}");
  place_.dialer.plans = {Plan::hangs};
  accept();
  client_->close(true);
  turn();
  near_->close(true);  // a loop would have told of the reset
  pass(61'000'000);
  EXPECT_EQ(proxy_.sessions(), 0u);
  EXPECT_EQ(place_.dialer.asked.size(), 1u);
  EXPECT_EQ(Gate::logged.size(), 1u);
}

TEST_F(TcpSessionTest, AChangeOfNodesLeavesSessionsAlone) {
  place_.serve(kNode);
  accept();
  place_.erase(config::Kind::stream_route, "1");
  place_.publish();
  send(*client_, "x");
  EXPECT_EQ(got(node()), "x");
}

TEST_F(TcpSessionTest, TheEndOfTheWorkerEndsAllOnce) {
  place_.serve(kNode, R"({"wants":5})");
  accept();
  auto first = std::move(client_);
  accept();
  send(*client_, "12345");
  EXPECT_EQ(proxy_.sessions(), 2u);
  proxy_.close_all();
  place_.loop.turn(0);
  EXPECT_EQ(proxy_.sessions(), 0u);
  EXPECT_EQ(Gate::logged.size(), 2u);
  EXPECT_EQ(got(*client_), "[reset]");
}

}  // namespace
}  // namespace pylon::stream
