#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/fixture.h"
#include "plugins/all.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using testing::HasSubstr;
using testing::MatchesRegex;

class SyslogTest : public testing::Test {
 protected:
  // The message of one session.
  std::string message(std::string_view conf) {
    auto set = fixture_.plugins(conf, "/apisix/stream_routes/1");
    const PluginSet* sets[] = {set.get()};
    Chain chain = Chain::build(sets);
    TestExchange test(fixture_);
    test.exchange.transport = "TCP";
    test.exchange.end_us = test.exchange.start_us + 1'500'000;
    test.exchange.response.status = 200;
    test.exchange.bytes_sent = 7;
    http::RouteLabels labels{};
    labels.route_id = "9";
    test.exchange.route = &labels;
    ActiveChain(chain, test.exchange).session_log(test.exchange);
    return fixture_.logs.messages.empty() ? "" : fixture_.logs.messages.back();
  }
  Fixture fixture_{all_plugins()};
};

TEST_F(SyslogTest, AMessageIsARecordOfSyslogWithAnObject) {
  std::string told = message(
      R"({"syslog":{"host":"log.test","port":514,"log_format":{
          "client":"$remote_addr","sent":"$bytes_sent","nothing":"$http_x","fixed":"a\"b",
          "number":3,"deep":{"protocol":"$protocol"}}}})");
  std::string stamp = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z";
  EXPECT_THAT(told, MatchesRegex("<46>1 " + stamp + " - apisix [0-9]+ - - [{].*[}]\n"));
  EXPECT_THAT(told, HasSubstr(R"({"client":"192.0.2.1","sent":"7","fixed":"a\"b","number":3,)"
                              R"("deep":{"protocol":"TCP"},"route_id":"9"})"));
  const LogDestination& to = *fixture_.logs.destination;
  EXPECT_EQ(to.host, "log.test");
  EXPECT_EQ(to.port, 514);
  EXPECT_EQ(to.transport, LogDestination::Transport::tcp);
  EXPECT_EQ(to.quiet_ms, 5000);
  EXPECT_EQ(to.batch_messages, 1000u);
}

TEST_F(SyslogTest, WithoutAFormatNothingIsSent) {
  EXPECT_EQ(message(R"({"syslog":{"host":"log.test","port":514}})"), "");
}

TEST_F(SyslogTest, TheTransportIsChosen) {
  using Transport = LogDestination::Transport;
  (void)message(R"({"syslog":{"host":"a","port":1,"tls":true,"log_format":{"a":1}}})");
  EXPECT_EQ(fixture_.logs.destination->transport, Transport::tls);
  (void)message(R"({"syslog":{"host":"a","port":1,"sock_type":"udp","log_format":{"a":1}}})");
  EXPECT_EQ(fixture_.logs.destination->transport, Transport::udp);
}

TEST_F(SyslogTest, ObjectsAreNotFollowedForever) {
  std::string told = message(
      R"({"syslog":{"host":"a","port":1,
          "log_format":{"1":{"2":{"3":{"4":{"5":{"6":"x"}}}}}}}})");
  EXPECT_THAT(told, HasSubstr(R"({"1":{"2":{"3":{"4":{"5":{}}}}},"route_id":"9"})"));
}

TEST_F(SyslogTest, WrongConfigurationsAreRefused) {
  EXPECT_THAT(fixture_.check("syslog", R"({"port":1})"), HasSubstr("\"host\" is required"));
  EXPECT_THAT(fixture_.check("syslog", R"({"host":"a","port":0})"),
              HasSubstr("property \"port\" validation failed"));
  EXPECT_THAT(fixture_.check("syslog", R"({"host":"a","port":1,"sock_type":"tls"})"),
              HasSubstr("property \"sock_type\" validation failed"));
  EXPECT_THAT(fixture_.check("syslog", R"({"host":"a","port":1,"log_format":"x"})"),
              HasSubstr("property \"log_format\" validation failed"));
}

}  // namespace
}  // namespace pylon::plugins
