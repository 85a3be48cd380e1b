#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "plugin/fixture.h"
#include "plugins/all.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using testing::HasSubstr;

constexpr std::string_view kConf =
    R"({"limit-conn":{"conn":1,"burst":1,"default_conn_delay":0.2,"key":"remote_addr"}})";

class LimitConnTest : public testing::Test {
 protected:
  std::unique_ptr<TestExchange> request(std::string_view client = "192.0.2.1") {
    auto test = std::make_unique<TestExchange>(fixture_);
    test->set_client(client);
    return test;
  }
  Fixture fixture_{all_plugins()};
};

TEST_F(LimitConnTest, WhoExceedsConnWaitsAndWhoExceedsBurstIsRefused) {
  auto set = fixture_.plugins(kConf);
  auto first = request(), second = request(), third = request();
  EXPECT_TRUE(first->run(*set).proceeds());
  EXPECT_EQ(fixture_.pauses.paused_us, 0);
  EXPECT_TRUE(second->run(*set).proceeds());
  EXPECT_EQ(fixture_.pauses.paused_us, 200'000);
  EXPECT_EQ(third->run(*set).status(), 503);
  EXPECT_TRUE(request("192.0.2.2")->run(*set).proceeds());
  first->log();
  EXPECT_TRUE(third->run(*set).proceeds());
}

TEST_F(LimitConnTest, ARefusalSaysWhatItIsTold) {
  auto set = fixture_.plugins(
      R"({"limit-conn":{"conn":1,"burst":0,"default_conn_delay":0.1,"key":"http_user",
          "rejected_code":429,"rejected_msg":"too many"}})");
  auto first = request(), second = request();
  EXPECT_TRUE(first->run(*set).proceeds());
  Verdict verdict = second->run(*set);
  EXPECT_EQ(verdict.status(), 429);
  EXPECT_EQ(verdict.body(), "{\"error_msg\":\"too many\"}\n");
}

TEST_F(LimitConnTest, AmountsMayComeFromVariables) {
  auto set = fixture_.plugins(
      R"({"limit-conn":{"conn":"${http_conn ?? 1}","burst":"$http_burst","default_conn_delay":0.1,
          "key":"remote_addr"}})");
  auto none = request();
  EXPECT_EQ(none->run(*set).status(), 500);
  auto first = request(), second = request();
  for (TestExchange* each : {first.get(), second.get()}) {
    each->set_field("burst", "0");
    each->set_field("conn", "2");
    EXPECT_TRUE(each->run(*set).proceeds());
  }
  auto third = request();
  third->set_field("burst", "0");
  EXPECT_EQ(third->run(*set).status(), 503);
}

TEST_F(LimitConnTest, AllRulesCountAndAllAreLeft) {
  auto set = fixture_.plugins(
      R"({"limit-conn":{"default_conn_delay":0.1,"rules":[
          {"conn":2,"burst":0,"key":"$remote_addr"},{"conn":1,"burst":0,"key":"$http_user"}]}})");
  auto first = request(), second = request(), third = request();
  for (TestExchange* each : {first.get(), second.get()}) each->set_field("user", "u");
  EXPECT_TRUE(first->run(*set).proceeds());
  EXPECT_EQ(second->run(*set).status(), 503);
  second->log();
  EXPECT_TRUE(third->run(*set).proceeds());
  EXPECT_EQ(request()->run(*set).status(), 503);
}

TEST_F(LimitConnTest, ConnectionsPauseInPreread) {
  auto set = fixture_.plugins(kConf, "/apisix/stream_routes/1");
  const PluginSet* sets[] = {set.get()};
  Chain chain = Chain::build(sets);
  auto first = request(), second = request(), third = request();
  auto enter = [&](TestExchange& test, ActiveChain& active) {
    active = ActiveChain(chain, test.exchange);
    Connection connection{test.exchange, {}};
    size_t at = 0;
    return active.preread(connection, at);
  };
  ActiveChain one, two, three;
  EXPECT_TRUE(enter(*first, one).proceeds());
  EXPECT_EQ(enter(*second, two).pause_ms(), 200);
  EXPECT_EQ(enter(*third, three).status(), 503);
  three.session_log(third->exchange);
  one.session_log(first->exchange);
  EXPECT_TRUE(enter(*third, three).pauses());
}

TEST_F(LimitConnTest, WrongConfigurationsAreRefused) {
  EXPECT_THAT(fixture_.check("limit-conn", R"({"conn":1,"key":"remote_addr"})"),
              HasSubstr("value should match only one schema, but matches none"));
  EXPECT_THAT(fixture_.check("limit-conn", R"({"conn":0,"burst":0,"default_conn_delay":1,
                                               "key":"remote_addr"})"),
              HasSubstr("property \"conn\" validation failed"));
  EXPECT_THAT(fixture_.check("limit-conn", R"({"conn":1,"burst":0,"default_conn_delay":1,
                                               "key":"remote_addr","policy":"redis"})"),
              HasSubstr("not supported yet"));
}

}  // namespace
}  // namespace pylon::plugins
