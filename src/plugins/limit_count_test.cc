#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "plugin/fixture.h"
#include "plugins/all.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using testing::HasSubstr;

class LimitCountTest : public testing::Test {
 protected:
  void use(std::string_view conf, std::string_view resource = "/apisix/routes/1") {
    set_ = fixture_.plugins(std::string(R"({"limit-count":)").append(conf).append("}"), resource);
  }
  Verdict request(std::initializer_list<std::pair<std::string_view, std::string_view>> fields = {},
                  std::string_view client = "192.0.2.1") {
    test_ = std::make_unique<TestExchange>(fixture_);
    test_->set_client(client);
    for (const auto& [name, value] : fields) test_->set_field(name, value);
    Verdict verdict = test_->run(*set_);
    test_->active.header_filter(test_->exchange);
    return verdict;
  }
  std::string_view limit() { return test_->response_field("X-RateLimit-Limit"); }
  std::string_view remaining() { return test_->response_field("X-RateLimit-Remaining"); }
  std::string_view reset() { return test_->response_field("X-RateLimit-Reset"); }
  std::string wrong(std::string_view conf) { return fixture_.check("limit-count", conf); }

  Fixture fixture_{all_plugins()};
  Ref<const PluginSet> set_;
  std::unique_ptr<TestExchange> test_;
};

TEST_F(LimitCountTest, CountsAndRefuses) {
  use(R"({"count":2,"time_window":60})");
  EXPECT_TRUE(request().proceeds());
  EXPECT_EQ(limit(), "2");
  EXPECT_EQ(remaining(), "1");
  EXPECT_EQ(reset(), "60");
  fixture_.clock.advance_ms(1500);
  EXPECT_TRUE(request().proceeds());
  EXPECT_EQ(remaining(), "0");
  EXPECT_EQ(reset(), "58.5");
  Verdict refused = request();
  EXPECT_EQ(refused.status(), 503);
  EXPECT_EQ(refused.body().data(), nullptr);
  EXPECT_EQ(remaining(), "0");
  fixture_.clock.advance_ms(60'000);
  EXPECT_TRUE(request().proceeds());
}

TEST_F(LimitCountTest, OwnRefusal) {
  use(R"({"count":1,"time_window":60,"rejected_code":429,"rejected_msg":"slow \"down\"",
          "show_limit_quota_header":false})");
  EXPECT_TRUE(request().proceeds());
  Verdict refused = request();
  EXPECT_EQ(refused.status(), 429);
  EXPECT_EQ(refused.body(), "{\"error_msg\":\"slow \\\"down\\\"\"}\n");
  EXPECT_EQ(limit().data(), nullptr);
}

TEST_F(LimitCountTest, EachValueOfTheKeyHasItsCounter) {
  use(R"({"count":1,"time_window":60,"key":"http_x_user"})");
  EXPECT_TRUE(request({{"X-User", "ann"}}).proceeds());
  EXPECT_TRUE(request({{"X-User", "bob"}}).proceeds());
  EXPECT_EQ(request({{"X-User", "ann"}}).status(), 503);
  EXPECT_TRUE(request({}).proceeds());  // without the field: by address
  EXPECT_EQ(request({}).status(), 503);
  EXPECT_TRUE(request({}, "192.0.2.2").proceeds());
}

TEST_F(LimitCountTest, CombinedAndConstantKeys) {
  use(R"({"count":1,"time_window":60,"key_type":"var_combination","key":"$http_a $http_b"})");
  EXPECT_TRUE(request({{"a", "1"}, {"b", "1"}}).proceeds());
  EXPECT_TRUE(request({{"a", "1"}, {"b", "2"}}).proceeds());
  EXPECT_EQ(request({{"a", "1"}, {"b", "2"}}).status(), 503);
  use(R"({"count":1,"time_window":60,"key_type":"constant","key":"all"})");
  EXPECT_TRUE(request({}, "192.0.2.1").proceeds());
  EXPECT_EQ(request({}, "192.0.2.2").status(), 503);
}

TEST_F(LimitCountTest, SlidingWindow) {
  use(R"({"count":2,"time_window":5,"window_type":"sliding"})");
  EXPECT_TRUE(request().proceeds());
  EXPECT_TRUE(request().proceeds());
  EXPECT_EQ(request().status(), 503);
}

TEST_F(LimitCountTest, AmountsFromVariables) {
  use(R"({"count":"${http_count ?? 2}","time_window":"${http_window ?? 5}"})");
  EXPECT_TRUE(request({{"count", "5"}}).proceeds());
  EXPECT_EQ(limit(), "5");
  EXPECT_TRUE(request({}).proceeds());
  EXPECT_EQ(request({}).status(), 503);
  for (std::string_view bad : {"0", "-1", "1.5", "x", "9007199254740992", ""}) {
    EXPECT_EQ(request({{"count", bad}}).status(), 500) << bad;
    EXPECT_EQ(request({{"window", bad}}).status(), 500) << bad;
  }
  EXPECT_TRUE(request({{"count", "9007199254740991"}, {"window", "9007199254740991"}}).proceeds());
}

TEST_F(LimitCountTest, RulesApplyWhereTheirKeyIsThere) {
  use(R"({"rejected_msg":"rejected","rules":[
      {"key":"${http_user}","count":"${http_jack_count}","time_window":60,"header_prefix":"jack"},
      {"key":"${http_project}","count":3,"time_window":60}]})");
  EXPECT_TRUE(request({{"user", "jack"}, {"jack-count", "1"}}).proceeds());
  EXPECT_EQ(test_->response_field("X-Jack-RateLimit-Limit"), "1");
  EXPECT_EQ(test_->response_field("X-Jack-RateLimit-Reset"), "60");
  EXPECT_EQ(request({{"user", "jack"}, {"jack-count", "1"}}).body(),
            "{\"error_msg\":\"rejected\"}\n");
  EXPECT_TRUE(request({{"project", "apisix"}}).proceeds());
  EXPECT_EQ(test_->response_field("X-2-RateLimit-Remaining"), "2");
  EXPECT_EQ(request().status(), 500);
}

TEST_F(LimitCountTest, DegradesWhenAllowed) {
  use(R"({"rules":[{"key":"${http_user}","count":1,"time_window":1}],"allow_degradation":true})");
  EXPECT_TRUE(request().proceeds());
}

TEST_F(LimitCountTest, GroupsCountTogether) {
  std::string_view conf = R"({"count":1,"time_window":60,"group":"g","key":"remote_addr"})";
  use(conf, "/apisix/routes/1");
  Ref<const PluginSet> first = set_;
  EXPECT_TRUE(request().proceeds());
  use(conf, "/apisix/routes/2");
  EXPECT_EQ(request().status(), 503);
  EXPECT_THAT(wrong(R"({"count":2,"time_window":60,"group":"g"})"),
              HasSubstr("group conf mismatched"));
  EXPECT_EQ(wrong(R"({"count":2,"time_window":60,"group":"h"})"), "");
  first = nullptr;
  set_ = nullptr;
  EXPECT_EQ(wrong(R"({"count":2,"time_window":60,"group":"g"})"), "");
}

TEST_F(LimitCountTest, CountersOutliveAnInstanceButNotAnotherConfiguration) {
  use(R"({"count":1,"time_window":60})");
  EXPECT_TRUE(request().proceeds());
  use(R"({"count":1,"time_window":60})");
  EXPECT_EQ(request().status(), 503);
  use(R"({"count":1,"time_window":61})");
  EXPECT_TRUE(request().proceeds());
  use(R"({"count":1,"time_window":60})", "/apisix/routes/2");
  EXPECT_TRUE(request().proceeds());
}

TEST_F(LimitCountTest, MetadataNamesTheFields) {
  use(R"({"count":1,"time_window":60})");
  auto metadata = fixture_.catalogue.metadata(
      *Json::parse(R"({"limit-count":{"limit_header":"X-Own-Limit"}})"));
  TestExchange test(fixture_);
  test.exchange.metadata = metadata.get();
  EXPECT_TRUE(test.run(*set_).proceeds());
  test.exchange.response.fields.add("x-ratelimit-remaining", "the upstream's");
  test.respond(200, "");
  EXPECT_EQ(test.response_field("X-Own-Limit"), "1");
  EXPECT_EQ(test.response_field("X-RateLimit-Remaining"), "0");
}

TEST_F(LimitCountTest, ConfigurationErrors) {
  std::string start = "failed to check the configuration of plugin limit-count err: ";
  EXPECT_EQ(wrong("{}"), start + "value should match only one schema, but matches none");
  EXPECT_EQ(wrong(R"({"count":2})"),
            start + "value should match only one schema, but matches none");
  EXPECT_EQ(wrong(R"({"count":0,"time_window":60})"),
            start +
                "property \"count\" validation failed: value should match only one schema, but "
                "matches none");
  EXPECT_EQ(wrong(R"({"count":2,"time_window":5,
                      "rules":[{"count":1,"time_window":10,"key":"${http_company}"}]})"),
            start + "count/time_window and rules cannot be specified at the same time");
  EXPECT_EQ(wrong(R"({"rules":[{"count":5,"time_window":10,"key":"${http_company}"},
                               {"count":8,"time_window":20,"key":"${http_company}"}]})"),
            start + "duplicate key '${http_company}' in rules");
  EXPECT_EQ(wrong(R"({"rules":[{"count":5,"time_window":10,"key":"$a"}],"group":"g"})"),
            start + "group and rules cannot be specified at the same time");
  EXPECT_EQ(wrong(R"({"count":2,"time_window":60,"policy":"redis","redis_host":"127.0.0.1"})"),
            start + "property \"policy\" validation failed: redis is not supported yet, use local");
  EXPECT_THAT(wrong(R"({"count":2,"time_window":60,"rejected_code":199})"),
              HasSubstr("property \"rejected_code\""));
}

}  // namespace
}  // namespace pylon::plugins
