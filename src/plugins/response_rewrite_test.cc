#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/fixture.h"
#include "plugins/all.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using testing::HasSubstr;

// Octets that arrive one by one, with pauses.
class Dribble final : public http::Body {
 public:
  explicit Dribble(std::string_view octets) : octets_(octets) {}
  http::Chunk pull() override {
    pauses_ = !pauses_;
    if (pauses_) return {http::Pull::again, {}};
    std::string_view next = octets_.substr(0, 1);
    octets_.remove_prefix(next.size());
    return {octets_.empty() ? http::Pull::end : http::Pull::data, next};
  }
  std::string_view rest() const { return octets_; }

 private:
  std::string_view octets_;
  bool pauses_ = false;
};

class BrokenBody final : public http::Body {
 public:
  http::Chunk pull() override {
    return std::exchange(began_, true) ? http::Chunk{http::Pull::error, {}}
                                       : http::Chunk{http::Pull::data, "half"};
  }

 private:
  bool began_ = false;
};

class ResponseRewriteTest : public testing::Test {
 protected:
  void start(std::string_view conf) {
    set_ = fixture_.plugins(std::string(R"({"response-rewrite":)").append(conf).append("}"));
    EXPECT_TRUE(test_.run(*set_).proceeds());
  }
  std::string body_of(std::string_view conf, std::string_view body = "hello hello",
                      int status = 200) {
    start(conf);
    return test_.respond(status, body);
  }
  std::string error_of(std::string_view conf) { return fixture_.check("response-rewrite", conf); }
  http::Response& response() { return test_.exchange.response; }

  Fixture fixture_{all_plugins()};
  TestExchange test_{fixture_};
  Ref<const PluginSet> set_;
};

TEST_F(ResponseRewriteTest, StatusBodyAndFields) {
  response().fields.add("ETag", "\"e\"");
  response().fields.add("Last-Modified", "yesterday");
  response().fields.add("Content-Encoding", "gzip");
  response().fields.add("X-Gone", "1");
  response().reason = "Fine";
  EXPECT_EQ(body_of(R"({"status_code":201,"body":"new","headers":{
      "set":{"X-Set":"$status","X-Num":1},"add":["X-Add: a","X-Add : b"],"remove":["x-gone"]}})"),
            "new");
  EXPECT_EQ(response().status, 201);
  EXPECT_EQ(response().reason, "");
  EXPECT_EQ(response().content_length, 3);
  EXPECT_EQ(test_.response_field("X-Set"), "201");
  EXPECT_EQ(test_.response_field("X-Num"), "1");
  EXPECT_EQ(test_.response_field("X-Add"), "a");
  for (std::string_view name : {"ETag", "Last-Modified", "Content-Encoding", "X-Gone"}) {
    EXPECT_EQ(test_.response_field(name).data(), nullptr) << name;
  }
}

TEST_F(ResponseRewriteTest, WithoutBodyOrFiltersTheBodyStays) {
  response().fields.add("ETag", "\"e\"");
  EXPECT_EQ(body_of(R"({"headers":{"X-Old":"form"}})"), "hello hello");
  EXPECT_EQ(response().content_length, 11);
  EXPECT_EQ(test_.response_field("ETag"), "\"e\"");
  EXPECT_EQ(test_.response_field("X-Old"), "form");
}

TEST_F(ResponseRewriteTest, AnEmptyBodyIsABody) {
  EXPECT_EQ(body_of(R"({"body":""})"), "");
  EXPECT_EQ(response().content_length, 0);
}

TEST_F(ResponseRewriteTest, Base64) {
  EXPECT_EQ(body_of(R"({"body":"AP9h","body_base64":true})"), std::string_view("\0\xff"
                                                                               "a",
                                                                               3));
  EXPECT_EQ(response().content_length, 3);
}

TEST_F(ResponseRewriteTest, Filters) {
  EXPECT_EQ(body_of(R"({"filters":[{"regex":"hello","replace":"bye"}]})"), "bye hello");
  EXPECT_EQ(response().content_length, -1);
}

TEST_F(ResponseRewriteTest, FiltersInOrderWithGroups) {
  EXPECT_EQ(body_of(R"({"filters":[
      {"regex":"h(.)llo","scope":"global","replace":"<$1>"},
      {"regex":"nothing","replace":"x"},
      {"regex":"<E>","replace":"","options":"ijo"}]})"),
            " <e>");
}

TEST_F(ResponseRewriteTest, FilterOptions) {
  EXPECT_EQ(body_of(R"({"filters":[{"regex":"b # c","replace":"x","options":"x"},
                                   {"regex":"c","replace":"y","options":"a"},
                                   {"regex":"a.","replace":"z","options":"as"}]})",
                    "a\nbc"),
            "zxc");
}

TEST_F(ResponseRewriteTest, FiltersSeeTheBodyWhole) {
  start(R"({"filters":[{"regex":"^(x+)$","replace":"<$1>"}]})");
  std::string body(100'000, 'x');
  Dribble source(body);
  test_.exchange.response.status = 200;
  test_.active.header_filter(test_.exchange);
  http::Body& filtered = test_.active.body_filter(test_.exchange, source);
  EXPECT_EQ(filtered.pull().state, http::Pull::again);
  EXPECT_EQ(TestExchange::read_all(filtered), "<" + body + ">");
  EXPECT_EQ(filtered.pull().state, http::Pull::end);
}

TEST_F(ResponseRewriteTest, WhatExceedsTheLimitIsCutOff) {
  start(R"({"max_resp_body_size":3,"filters":[{"regex":"x","replace":"y"}]})");
  Dribble source("axbxc");
  test_.exchange.response.status = 200;
  test_.active.header_filter(test_.exchange);
  EXPECT_EQ(TestExchange::read_all(test_.active.body_filter(test_.exchange, source)), "ayb");
  EXPECT_EQ(source.rest(), "xc");
}

TEST_F(ResponseRewriteTest, ABodyThatBreaksOffIsNotFiltered) {
  start(R"({"filters":[{"regex":"h","replace":"y"}]})");
  BrokenBody source;
  test_.exchange.response.status = 200;
  test_.active.header_filter(test_.exchange);
  EXPECT_EQ(TestExchange::read_all(test_.active.body_filter(test_.exchange, source)), "<error>");
}

TEST_F(ResponseRewriteTest, AnEncodedBodyIsLeftAlone) {
  response().fields.add("Content-Encoding", "br");
  EXPECT_EQ(body_of(R"({"filters":[{"regex":"h","replace":"y"}]})"), "hello hello");
  EXPECT_EQ(response().content_length, 11);
  EXPECT_EQ(test_.response_field("Content-Encoding"), "br");
}

TEST_F(ResponseRewriteTest, VarsChoose) {
  EXPECT_EQ(body_of(R"({"vars":[["status","==",404]],"body":"hidden"})", "x", 404), "hidden");
  EXPECT_EQ(body_of(R"({"vars":[["status","==",404]],"body":"hidden"})", "x", 200), "x");
}

TEST_F(ResponseRewriteTest, AStatusInPlaceOf304HasAnEmptyBody) {
  start(R"({"status_code":200})");
  response().status = 304;
  response().content_length = 1000;
  test_.active.header_filter(test_.exchange);
  EXPECT_EQ(response().content_length, 0);
}

TEST_F(ResponseRewriteTest, AnUpgradeIsLeftAlone) {
  start(R"({"status_code":200,"body":"x","headers":{"set":{"A":"b"}}})");
  response().status = 101;
  test_.active.header_filter(test_.exchange);
  EXPECT_EQ(response().status, 101);
  EXPECT_EQ(test_.response_field("A").data(), nullptr);
}

TEST_F(ResponseRewriteTest, AValueThatWouldBreakTheFieldTakesItAway) {
  test_.exchange.request.uri = "/x\r\nX-Evil: 1";
  response().fields.add("X-Back", "of the upstream");
  body_of(R"({"headers":{"set":{"X-Back":"$uri"}}})");
  EXPECT_EQ(test_.response_field("X-Back").data(), nullptr);
}

TEST_F(ResponseRewriteTest, BadConfigurations) {
  EXPECT_THAT(error_of(R"({"status_code":599})"),
              HasSubstr(R"(property "status_code" validation failed: expected 599 to be at most)"));
  EXPECT_THAT(error_of(R"({"body":2})"),
              HasSubstr(R"(property "body" validation failed: wrong type: expected string)"));
  EXPECT_THAT(error_of(R"({"headers":{"":"a"}})"), HasSubstr("invalid field length in header"));
  EXPECT_THAT(error_of(R"({"headers":{"X":true}})"), HasSubstr("invalid type as header value"));
  EXPECT_THAT(error_of(R"({"headers":{"X":"a\n"}})"), HasSubstr("invalid value character"));
  EXPECT_THAT(error_of(R"({"headers":{"add":["a"]}})"),
              HasSubstr(R"(property "headers" validation failed: object matches none of the req)"));
  for (std::string_view body : {R"({"body_base64":true})", R"({"body":"","body_base64":true})",
                                R"({"body":"1","body_base64":true})"}) {
    EXPECT_THAT(error_of(body), HasSubstr("invalid base64 content")) << body;
  }
  EXPECT_THAT(error_of(R"({"vars":[{}]})"),
              HasSubstr("failed to validate the 'vars' expression: rule too short"));
  EXPECT_THAT(error_of(R"({"body":"a","filters":[{"regex":"a","replace":"b"}]})"),
              HasSubstr("failed to validate dependent schema for \""));
  EXPECT_THAT(
      error_of(R"({"filters":[]})"),
      HasSubstr(R"(property "filters" validation failed: expect array to have at least 1)"));
  EXPECT_THAT(error_of(R"({"filters":[{"regex":"a"}]})"),
              HasSubstr("failed to validate item 1: property \"replace\" is required"));
  EXPECT_THAT(error_of(R"({"filters":[{"regex":"hello","replace":"b","options":"h"}]})"),
              HasSubstr(R"(regex "hello" validation failed: unknown flag "h" (flags "h"))"));
  EXPECT_THAT(error_of(R"({"filters":[{"regex":"(","replace":"b"}]})"),
              HasSubstr(R"(regex "(" validation failed: )"));
  EXPECT_EQ(error_of(R"({"headers":{"add":["Set-Cookie: a=b; Max-Age=1"],"remove":["A"]}})"), "");
}

}  // namespace
}  // namespace pylon::plugins
