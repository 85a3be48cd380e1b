#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/fixture.h"
#include "plugins/all.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using testing::HasSubstr;
using testing::MatchesRegex;

class RequestIdTest : public testing::Test {
 protected:
  void run(TestExchange& test, std::string_view conf) {
    set_ = fixture_.plugins(std::string(R"({"request-id":)").append(conf).append("}"));
    ASSERT_TRUE(test.run(*set_).proceeds());
  }
  std::string id_of(std::string_view conf) {
    TestExchange test(fixture_);
    run(test, conf);
    return std::string(test.request_field("X-Request-Id"));
  }

  Fixture fixture_{all_plugins()};
  Ref<const PluginSet> set_;
};

TEST_F(RequestIdTest, BothSidesGetTheId) {
  TestExchange test(fixture_);
  run(test, "{}");
  test.respond(200, "");
  std::string_view id = test.request_field("X-Request-Id");
  EXPECT_EQ(id.size(), 36u);
  EXPECT_EQ(test.response_field("X-Request-Id"), id);
  EXPECT_EQ(test.exchange.request_id, id);
}

TEST_F(RequestIdTest, AnIdThatIsBroughtStays) {
  TestExchange test(fixture_);
  test.set_field("x-request-id", "mine");
  run(test, "{}");
  test.respond(200, "");
  EXPECT_EQ(test.request_field("X-Request-Id"), "mine");
  EXPECT_EQ(test.response_field("X-Request-Id"), "mine");
  EXPECT_EQ(test.exchange.request_id, "mine");
}

TEST_F(RequestIdTest, AnUpstreamsIdStays) {
  TestExchange test(fixture_);
  run(test, "{}");
  test.exchange.response.fields.add("X-Request-Id", "upstream's");
  test.respond(200, "");
  EXPECT_EQ(test.response_field("X-Request-Id"), "upstream's");
}

TEST_F(RequestIdTest, OwnNameAndSilence) {
  TestExchange test(fixture_);
  run(test, R"({"header_name":"X-Own","include_in_response":false})");
  test.respond(200, "");
  EXPECT_EQ(test.request_field("X-Own").size(), 36u);
  EXPECT_EQ(test.response_field("X-Own").data(), nullptr);
}

TEST_F(RequestIdTest, Algorithms) {
  EXPECT_THAT(id_of("{}"), MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                                        "[0-9a-f]{12}"));
  EXPECT_THAT(id_of(R"({"algorithm":"nanoid"})"), MatchesRegex("[A-Za-z0-9_-]{21}"));
  EXPECT_THAT(id_of(R"({"algorithm":"range_id"})"), MatchesRegex("[A-Za-z0-9]{16}"));
  EXPECT_THAT(id_of(R"({"algorithm":"range_id","range_id":{"char_set":"aaaaaa","length":7}})"),
              "aaaaaaa");
}

TEST_F(RequestIdTest, IdsWithTimeSortByIt) {
  std::string early_ksuid = id_of(R"({"algorithm":"ksuid"})");
  std::string early_uuid = id_of(R"({"algorithm":"uuidv7"})");
  fixture_.clock.advance_ms(1000);
  std::string late_ksuid = id_of(R"({"algorithm":"ksuid"})");
  std::string late_uuid = id_of(R"({"algorithm":"uuidv7"})");
  EXPECT_THAT(early_ksuid, MatchesRegex("[0-9A-Za-z]{27}"));
  EXPECT_LT(early_ksuid, late_ksuid);
  EXPECT_THAT(early_uuid, MatchesRegex("018bcfe5-6800-7[0-9a-f]{3}-[89ab][0-9a-f-]{16}"));
  EXPECT_LT(early_uuid, late_uuid);
}

TEST_F(RequestIdTest, ConfigurationErrors) {
  EXPECT_THAT(fixture_.check("request-id", R"({"algorithm":"bad"})"),
              HasSubstr("property \"algorithm\" validation failed: matches none of the enum"));
  EXPECT_THAT(fixture_.check("request-id", R"({"range_id":{"length":5}})"),
              HasSubstr("expected 5 to be at least 6"));
  EXPECT_THAT(fixture_.check("request-id", R"({"range_id":{"char_set":"short"}})"),
              HasSubstr("string too short, expected at least 6, got 5"));
  EXPECT_THAT(fixture_.check("request-id", R"({"header_name":"a b"})"),
              HasSubstr("invalid header_name"));
}

}  // namespace
}  // namespace pylon::plugins
