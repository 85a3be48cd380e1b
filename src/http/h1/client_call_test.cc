#include "http/h1/client_call.h"

#include <gtest/gtest.h>

#include <string>

#include "base/arena.h"
#include "net/memory_stream.h"

namespace pylon::http::h1 {
namespace {

using async::Task;
using Trouble = ClientCall::Trouble;

constexpr int64_t kPatienceUs = 1'000'000;

// Asks once, and keeps what it got.
class ClientCallTest : public testing::Test {
 protected:
  ~ClientCallTest() override {
    call_.reset();
    loop_.turn(0);
  }

  void ask() {
    auto [near, far] = net::MemoryStream::pair();
    near_ = near.get();
    server_ = std::move(far);
    task_ = run(std::move(near));
    task_.start([](void* self) { static_cast<ClientCallTest*>(self)->over_ = true; }, this);
  }
  Task<void> run(std::unique_ptr<net::Stream> stream) {
    int64_t deadline_us = loop_.now_us() + kPatienceUs;
    bool connected = co_await call_->connect(std::move(stream), deadline_us);
    if (!connected) co_return;
    bool sent = call_->send("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n", Framing::length, "hi");
    if (!sent) co_return;
    bool answered = co_await call_->read_head(Method::post, response_, deadline_us);
    if (!answered) co_return;
    do {
      Chunk chunk = co_await call_->read_body(deadline_us);
      body_ += chunk.octets;
      last_ = chunk.state;
    } while (last_ == Pull::data);
  }
  void answer(std::string_view octets) {
    server_->write(octets.data(), octets.size());
    turn();
  }
  void turn() {
    if (!over_) near_->pump();
    loop_.turn(0);
  }
  void pass(int64_t us) {
    loop_.skip(us);
    turn();
  }
  std::string heard() {
    char octets[256];
    net::Io io = server_->read(octets, sizeof octets);
    return io.state == net::IoState::ok ? std::string(octets, io.bytes) : "";
  }

  net::Loop loop_;
  Arena arena_;
  Response response_{arena_};
  std::unique_ptr<ClientCall> call_ = std::make_unique<ClientCall>(loop_);
  std::unique_ptr<net::MemoryStream> server_;
  net::MemoryStream* near_ = nullptr;
  Task<void> task_;
  std::string body_;
  Pull last_ = Pull::again;
  bool over_ = false;
};

TEST_F(ClientCallTest, TheFinalAnswerIsReadWhole) {
  ask();
  EXPECT_EQ(heard(), "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi");
  answer("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n");
  EXPECT_FALSE(over_);
  answer("\r\n3\r\nabc\r\n");
  answer("2\r\nde\r\n0\r\n\r\n");
  ASSERT_TRUE(over_);
  EXPECT_EQ(response_.status, 200);
  EXPECT_EQ(body_, "abcde");
  EXPECT_EQ(last_, Pull::end);
}

TEST_F(ClientCallTest, AKeptConnectionIsUsedAgain) {
  ask();
  answer("HTTP/1.1 204 No Content\r\n\r\n");
  ASSERT_TRUE(over_);
  ClientConnection& kept = call_->release();
  call_ = std::make_unique<ClientCall>(loop_);
  call_->take(kept);
  (void)heard();
  EXPECT_TRUE(call_->send("GET / HTTP/1.1\r\n\r\n", Framing::none, {}));
  EXPECT_EQ(heard(), "GET / HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(call_->connection()->reused());
}

TEST_F(ClientCallTest, AnAnswerThatDoesNotComeIsGivenUp) {
  ask();
  pass(kPatienceUs / 2);
  EXPECT_FALSE(over_);
  pass(kPatienceUs);
  ASSERT_TRUE(over_);
  EXPECT_EQ(call_->trouble(), Trouble::timeout);
}

TEST_F(ClientCallTest, ABodyThatStallsIsGivenUp) {
  ask();
  answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
  pass(kPatienceUs);
  ASSERT_TRUE(over_);
  EXPECT_EQ(body_, "hel");
  EXPECT_EQ(last_, Pull::again);
  EXPECT_EQ(call_->trouble(), Trouble::timeout);
}

TEST_F(ClientCallTest, WhatBreaksOffIsTold) {
  ask();
  answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
  server_->close(false);
  turn();
  ASSERT_TRUE(over_);
  EXPECT_EQ(last_, Pull::error);
  EXPECT_EQ(call_->trouble(), Trouble::malformed);
}

TEST_F(ClientCallTest, AServerThatLeavesOrSpeaksNoHttpIsTold) {
  ask();
  server_->close(false);
  turn();
  ASSERT_TRUE(over_);
  EXPECT_EQ(call_->trouble(), Trouble::closed);
  over_ = false;
  ask();
  answer("SSH-2.0-server\r\n\r\n");
  ASSERT_TRUE(over_);
  EXPECT_EQ(call_->trouble(), Trouble::malformed);
}

}  // namespace
}  // namespace pylon::http::h1
