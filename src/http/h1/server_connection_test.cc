#include "http/h1/server_connection.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "net/memory_stream.h"

namespace pylon::http::h1 {
namespace {

using async::Task;

// Answers with what it was asked, or as the test says.
class FakeService final : public Service {
 public:
  std::function<Task<void>(Exchange&)> answer = [this](Exchange& exchange) {
    return echo(exchange);
  };
  std::vector<std::string> asked;
  std::vector<uint16_t> refused;
  int closed = 0;
  bool drains = false;

  Task<void> serve(Exchange& exchange) override {
    if (exchange.refusal != 0) {
      refused.push_back(exchange.refusal);
      exchange.response.status = exchange.refusal;
      exchange.downstream->start_response(0);
      (void)exchange.downstream->push({}, true);
      return nothing();
    }
    asked.emplace_back(exchange.request.target);
    return answer(exchange);
  }
  bool draining() const override { return drains; }
  void on_closed() override { closed++; }

  static Task<void> nothing() { co_return; }

  static Task<void> echo(Exchange& exchange) {
    std::string_view body;
    BodyRead read = co_await exchange.downstream->buffer_body(1 << 20, body);
    if (read == BodyRead::failed && exchange.downstream->body_failure() == 0) {
      exchange.downstream->abort();
      co_return;
    }
    exchange.response.status =
        read == BodyRead::complete ? 200 : exchange.downstream->body_failure();
    exchange.response.fields.add(FieldId::date, "now");
    exchange.downstream->start_response(static_cast<int64_t>(body.size()));
    (void)exchange.downstream->push(body, true);
  }
};

class Connection : public testing::Test {
 protected:
  void open(size_t room = 1 << 20) {
    auto [near, far] = net::MemoryStream::pair(room);
    server = near.get();
    client = std::move(far);
    ConnectionEnds ends;
    ends.set_client(*IpAddress::parse("192.0.2.7"), 1234);
    ServerConnection::open(loop, std::move(near), ends, limits, service, all);
  }

  // Sends, and gives all that came back.
  std::string say(std::string_view octets) {
    if (!octets.empty()) client->write(octets.data(), octets.size());
    for (int i = 0; i < 100 && service.closed == 0; i++) {
      server->pump();
      if (service.closed == 0) loop.turn(0);
    }
    return hear();
  }
  std::string hear() {
    std::string heard;
    char buffer[4096];
    for (net::Io io; (io = client->read(buffer, sizeof buffer)).state == net::IoState::ok;) {
      heard.append(buffer, io.bytes);
    }
    return heard;
  }

  net::Loop loop;
  ServerLimits limits;
  FakeService service;
  ServerConnections all;
  net::MemoryStream* server = nullptr;
  std::unique_ptr<net::MemoryStream> client;

  ~Connection() override {
    all.close_all();
    loop.turn(0);
  }
};

const std::string kGet = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";

TEST_F(Connection, AnswersAndStaysOpen) {
  open();
  EXPECT_EQ(say(kGet), "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(say(kGet), "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(service.closed, 0);
  EXPECT_EQ(all.idle.size(), 1u);
}

TEST_F(Connection, AnswersPipelinedRequestsInOrder) {
  open();
  std::string many;
  for (int i = 0; i < 100; i++) {
    many += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  }
  say(many);
  ASSERT_EQ(service.asked.size(), 100u);
  EXPECT_EQ(service.asked[99], "/99");
}

TEST_F(Connection, TakesAHeadAndABodyOctetByOctet) {
  open();
  std::string request =
      "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  std::string heard;
  for (char octet : request) heard += say({&octet, 1});
  EXPECT_TRUE(heard.ends_with("\r\n\r\nabcde")) << heard;
  EXPECT_EQ(service.closed, 0);
}

TEST_F(Connection, ClosesAfterConnectionClose) {
  open();
  std::string heard = say("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_NE(heard.find("Connection: close\r\n"), std::string::npos);
  EXPECT_EQ(service.closed, 1);
}

TEST_F(Connection, RefusesAndClosesAfterDraining) {
  open();
  std::string heard = say("GET / HTTP/1.1\nHost: a\r\n\r\n" + kGet);
  EXPECT_TRUE(heard.starts_with("HTTP/1.1 400 ")) << heard;
  EXPECT_EQ(heard.find("HTTP/1.1 200"), std::string::npos);
  EXPECT_EQ(service.closed, 0);  // still reading, so that the answer is not lost
  client->shutdown_write();
  say("");
  EXPECT_EQ(service.closed, 1);
}

TEST_F(Connection, AnswersAClientThatHalfCloses) {
  open();
  client->write(kGet.data(), kGet.size());
  client->shutdown_write();
  EXPECT_TRUE(say("").starts_with("HTTP/1.1 200 OK"));
  EXPECT_EQ(service.closed, 1);
}

TEST_F(Connection, ABodyCutShortIsNoRequest) {
  open();
  client->write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", 51);
  client->shutdown_write();
  EXPECT_EQ(say(""), "");
  EXPECT_EQ(service.closed, 1);
}

TEST_F(Connection, KeepsAnswersUntilTheClientReads) {
  std::string body(5000, 'x');
  service.answer = [&](Exchange& exchange) {
    exchange.response.status = 200;
    exchange.downstream->start_response(static_cast<int64_t>(body.size()));
    EXPECT_EQ(exchange.downstream->push(body, true), Push::blocked);
    return FakeService::nothing();
  };
  open(1000);
  std::string heard = say(kGet);
  for (int i = 0; i < 10; i++) heard += say("");
  EXPECT_TRUE(heard.ends_with(body));
  EXPECT_EQ(service.closed, 0);
}

TEST_F(Connection, SendsContinueWhenTheBodyIsWanted) {
  open();
  std::string head =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
  EXPECT_EQ(say(head), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_TRUE(say("abc").ends_with("\r\n\r\nabc"));
}

TEST_F(Connection, SaysCloseWhileDraining) {
  service.drains = true;
  open();
  EXPECT_NE(say(kGet).find("Connection: close\r\n"), std::string::npos);
  client->shutdown_write();
  say("");
  EXPECT_EQ(service.closed, 1);
}

TEST_F(Connection, ReadsOnWhenItEndsAConnectionThatTheClientMeantToKeep) {
  open();
  service.answer = [this](Exchange& exchange) {
    service.drains = true;
    return service.echo(exchange);
  };
  EXPECT_NE(say(kGet).find("Connection: close\r\n"), std::string::npos);
  EXPECT_EQ(service.closed, 0);  // a next request may be under way: it must not bring a reset
  client->write(kGet.data(), kGet.size());
  client->shutdown_write();
  say("");
  EXPECT_EQ(service.closed, 1);
  EXPECT_EQ(service.asked.size(), 1u);
}

TEST_F(Connection, ClosesParkedOnesThatAreNotUsed) {
  open();
  say(kGet);
  all.close_unused(loop.now_us() - 1'000'000);  // it may be about to ask
  EXPECT_EQ(service.closed, 0);
  loop.skip(1'000'001);
  loop.turn(0);
  all.close_unused(loop.now_us() - 1'000'000);
  EXPECT_EQ(service.closed, 1);
}

TEST_F(Connection, ServesARequestThatCameJustBeforeItWouldHaveClosed) {
  open();
  say(kGet);
  service.drains = true;
  client->write(kGet.data(), kGet.size());  // no event has told of it
  all.close_unused(loop.now_us());
  EXPECT_TRUE(hear().starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(service.asked.size(), 2u);
}

TEST_F(Connection, ServesARequestThatCameWithTheTimeout) {
  open();
  say(kGet);
  client->write(kGet.data(), kGet.size());
  loop.skip(limits.keepalive_timeout_us);
  loop.turn(0);
  EXPECT_TRUE(hear().starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(service.closed, 0);
  loop.skip(limits.keepalive_timeout_us);
  loop.turn(0);
  EXPECT_EQ(service.closed, 1);
}

TEST_F(Connection, DoesNotCutOffWhatIsOnItsWayInEitherDirection) {
  std::string body(5000, 'x');
  service.answer = [&](Exchange& exchange) {
    exchange.response.status = 200;
    exchange.downstream->start_response(static_cast<int64_t>(body.size()));
    (void)exchange.downstream->push(body, true);
    return FakeService::nothing();
  };
  open(1000);
  client->write(kGet.data(), kGet.size());
  server->pump();
  ASSERT_EQ(all.idle.size(), 1u);  // the answer has not left yet
  all.close_unused(loop.now_us());
  std::string heard;
  for (int i = 0; i < 10; i++) heard += say("");
  EXPECT_TRUE(heard.ends_with(body));

  say(kGet.substr(0, 20));
  all.close_unused(loop.now_us());
  heard = say(kGet.substr(20));
  for (int i = 0; i < 10; i++) heard += say("");
  EXPECT_TRUE(heard.ends_with(body));

  all.close_unused(loop.now_us());
  EXPECT_EQ(service.closed, 1);
}

TEST_F(Connection, ResetsAnAnswerWithoutLengthThatIsCutShort) {
  open();
  service.answer = [&](Exchange& exchange) {
    exchange.response.status = 200;
    exchange.downstream->start_response(-1);
    (void)exchange.downstream->push("part", false);
    exchange.downstream->abort();
    return FakeService::nothing();
  };
  say("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(service.closed, 1);
}

TEST_F(Connection, LeavesTheLastChunkOutWhenCutShort) {
  open();
  service.answer = [&](Exchange& exchange) {
    exchange.response.status = 200;
    exchange.downstream->start_response(-1);
    (void)exchange.downstream->push("part", false);
    exchange.downstream->abort();
    return FakeService::nothing();
  };
  std::string heard = say(kGet);
  EXPECT_TRUE(heard.ends_with("4\r\npart\r\n")) << heard;
  EXPECT_EQ(service.closed, 1);
}

}  // namespace
}  // namespace pylon::http::h1
