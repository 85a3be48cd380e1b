#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/fixture.h"
#include "plugins/all.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ProxyRewriteTest : public testing::Test {
 protected:
  void run(TestExchange& test, std::string_view conf) {
    set_ = fixture_.plugins(std::string(R"({"proxy-rewrite":)").append(conf).append("}"));
    EXPECT_TRUE(test.run(*set_).proceeds());
  }
  std::string uri_for(std::string_view conf, std::string_view target,
                      std::string_view decoded_path = {}) {
    TestExchange test(fixture_, target);
    if (!decoded_path.empty()) test.exchange.request.uri = decoded_path;
    run(test, conf);
    return std::string(test.exchange.forward.uri);
  }
  std::string error_of(std::string_view conf) { return fixture_.check("proxy-rewrite", conf); }

  static std::vector<std::string> values(const TestExchange& test, std::string_view name) {
    std::vector<std::string> found;
    for (const http::Field& each : test.exchange.request.fields) {
      if (!each.removed() && each.name() == name) found.emplace_back(each.value());
    }
    return found;
  }

  Fixture fixture_{all_plugins()};
  Ref<const PluginSet> set_;
};

TEST_F(ProxyRewriteTest, UriKeepsTheQuery) {
  EXPECT_EQ(uri_for(R"({"uri":"/new"})", "/old"), "/new");
  EXPECT_EQ(uri_for(R"({"uri":"/new"})", "/old?a=1"), "/new?a=1");
  EXPECT_EQ(uri_for(R"({"uri":"/new?b=2"})", "/old?a=1"), "/new?b=2&a=1");
  EXPECT_EQ(uri_for(R"({"uri":"/new"})", "/old?"), "/new?");
  EXPECT_EQ(uri_for(R"({"uri":"/a b"})", "/old"), "/a%20b");
}

TEST_F(ProxyRewriteTest, UriWithVariables) {
  EXPECT_EQ(uri_for(R"({"uri":"/n/$arg_a"})", "/old?a=1"), "/n/1?a=1");
  EXPECT_EQ(uri_for(R"({"uri":"/n?v=${arg_z ?? none}"})", "/old"), "/n?v=none");
  EXPECT_EQ(uri_for(R"({"uri":"/n${arg_z ?? ?}"})", "/old"), "/n%253F");
}

TEST_F(ProxyRewriteTest, AQuestionMarkOfAVariableBeginsNoQuery) {
  EXPECT_EQ(uri_for(R"j({"uri":"/$uri/remain"})j", "/hello%3f0z", "/hello?0z"),
            "//hello%253F0z/remain");
  EXPECT_EQ(uri_for(R"j({"regex_uri":["^/hello(.*)","/x$1"]})j", "/hello%3fa=1", "/hello?a=1"),
            "/x%3Fa=1");
  EXPECT_EQ(uri_for(R"j({"host":"a.test"})j", "/hello%3fa", "/hello?a"), "/hello%3Fa");
}

TEST_F(ProxyRewriteTest, NothingEndsTheRequestLine) {
  std::string_view hostile = "/r\r\nX-Evil: 1 HTTP/1.1";
  EXPECT_EQ(uri_for(R"j({"uri":"/n?v=$uri"})j", "/", hostile),
            "/n?v=/r%0D%0AX-Evil:%201%20HTTP/1.1");
  EXPECT_EQ(uri_for(R"j({"regex_uri":["(?s)^(.*)$","/m?v=$1"]})j", "/", hostile),
            "/m?v=/r%0D%0AX-Evil:%201%20HTTP/1.1");
  EXPECT_EQ(uri_for(R"j({"uri":"/n/$uri","use_real_request_uri_unsafe":true})j", "/", hostile),
            "/n//r%0D%0AX-Evil:%201%20HTTP/1.1");
}

TEST_F(ProxyRewriteTest, RegexUri) {
  EXPECT_EQ(uri_for(R"j({"regex_uri":["^/(.*)/(.*)$","/$2/$1"]})j", "/one/two?q"), "/two/one?q");
  EXPECT_EQ(uri_for(R"j({"regex_uri":["^/no$","/yes"]})j", "/other"), "/other");
  EXPECT_EQ(uri_for(R"j({"regex_uri":["^/no$","/1","^/ot(.*)","/2$1"]})j", "/other"), "/2her");
  EXPECT_EQ(uri_for(R"j({"regex_uri":["^/t/(.*)/(.*)","/$1_$2?a=c"]})j", "/t/p/r?x=1"),
            "/p_r?a=c&x=1");
  EXPECT_EQ(uri_for(R"j({"regex_uri":["^/x/(.*)","$1"]})j", "/x/http://evil"), "/http://evil");
  EXPECT_EQ(uri_for(R"j({"uri":"/u","regex_uri":["^/(.*)","/$1"]})j", "/x"), "/u");
}

TEST_F(ProxyRewriteTest, UnsafeUriGoesAsItCame) {
  std::string_view unsafe = R"j({"use_real_request_uri_unsafe":true})j";
  EXPECT_EQ(uri_for(unsafe, "/a%2Fb/..%2f?x=%20&y=1?2", "/a/"), "/a%2Fb/..%2f?x=%20&y=1?2");
  EXPECT_EQ(uri_for(R"j({"use_real_request_uri_unsafe":true,"uri":"/n?x=1"})j", "/a?q=2"),
            "/n?x=1&q=2");
  EXPECT_EQ(uri_for(R"j({"use_real_request_uri_unsafe":true,
                         "regex_uri":["/hello/(.+)","/hello?v=$1"]})j",
                    "/hello/%ED%85%8C", "/hello/\xED\x85\x8C"),
            "/hello?v=%ED%85%8C");
}

TEST_F(ProxyRewriteTest, HostAndMethod) {
  TestExchange test(fixture_);
  run(test, R"j({"host":"inner.test:8080","method":"PUT"})j");
  EXPECT_EQ(test.exchange.forward.host, "inner.test:8080");
  EXPECT_EQ(test.exchange.forward.method, "PUT");
}

TEST_F(ProxyRewriteTest, AnEarlierUriStaysUnlessThisChangesIt) {
  TestExchange test(fixture_);
  test.exchange.forward.uri = "/earlier";
  run(test, R"j({"host":"a.test"})j");
  EXPECT_EQ(test.exchange.forward.uri, "/earlier");
  run(test, R"j({"uri":"/later"})j");
  EXPECT_EQ(test.exchange.forward.uri, "/later");
}

TEST_F(ProxyRewriteTest, Headers) {
  TestExchange test(fixture_);
  for (std::string_view name : {"X-Add", "X-Set", "X-Set", "X-Gone"}) test.set_field(name, "old");
  run(test, R"j({"headers":{"add":{"X-Add":"2","X-Two":["a","b"]},
                            "set":{"X-Set":"$remote_addr","X-Num":7,"X-Many":["c","$host"]},
                            "remove":["x-gone"]}})j");
  EXPECT_THAT(values(test, "X-Add"), ElementsAre("old", "2"));
  EXPECT_THAT(values(test, "X-Two"), ElementsAre("a", "b"));
  EXPECT_THAT(values(test, "X-Set"), ElementsAre("192.0.2.1"));
  EXPECT_THAT(values(test, "X-Num"), ElementsAre("7"));
  EXPECT_THAT(values(test, "X-Many"), ElementsAre("c", "example.com"));
  EXPECT_THAT(values(test, "X-Gone"), IsEmpty());
}

TEST_F(ProxyRewriteTest, TheOlderFormSets) {
  TestExchange test(fixture_);
  test.set_field("X-A", "old");
  test.set_field("X-Absent", "old");
  run(test, R"j({"headers":{"X-A":"new","X-Absent":"$arg_nothing"}})j");
  EXPECT_THAT(values(test, "X-A"), ElementsAre("new"));
  EXPECT_THAT(values(test, "X-Absent"), IsEmpty());
}

TEST_F(ProxyRewriteTest, CapturesInHeaders) {
  TestExchange test(fixture_, "/u/bob/$host");
  run(test, R"j({"regex_uri":["^/u/(\\w+)/(.*)$","/all"],
                 "headers":{"set":{"X-A":"$1-${2}-$host","X-B":"\\$1$9"}}})j");
  EXPECT_THAT(values(test, "X-A"), ElementsAre("bob-$host-example.com"));
  EXPECT_THAT(values(test, "X-B"), ElementsAre("\\$1"));

  TestExchange other(fixture_, "/other");
  run(other, R"j({"regex_uri":["^/u/(.*)$","/all"],"headers":{"add":{"X-A":"$1"}}})j");
  EXPECT_THAT(values(other, "X-A"), IsEmpty());
}

TEST_F(ProxyRewriteTest, AValueThatWouldBreakTheFieldTakesItAway) {
  TestExchange test(fixture_);
  test.exchange.request.uri = "/x\r\nX-Evil: 1";
  test.set_field("X-Uri", "of the client");
  run(test, R"j({"headers":{"set":{"X-Uri":"$uri"},"add":{"X-More":"$uri"}}})j");
  EXPECT_THAT(values(test, "X-Uri"), IsEmpty());
  EXPECT_THAT(values(test, "X-More"), IsEmpty());
}

TEST_F(ProxyRewriteTest, BadConfigurations) {
  EXPECT_THAT(error_of(R"j({"regex_uri":["^/a","/b","^/c"]})j"),
              HasSubstr("The length of regex_uri should be an even number"));
  EXPECT_THAT(error_of(R"j({"regex_uri":["[^/t/(.*)","/$1"]})j"),
              HasSubstr("invalid regex_uri([^/t/(.*), /$1): "));
  EXPECT_THAT(error_of(R"j({"regex_uri":["^/t/(.*)","/$`"]})j"), HasSubstr("invalid regex_uri("));
  EXPECT_THAT(
      error_of(R"j({"regex_uri":["^/t/(.*)"]})j"),
      HasSubstr(R"(property "regex_uri" validation failed: expect array to have at least)"));
  EXPECT_THAT(error_of(R"j({"uri":"home"})j"), HasSubstr(R"(property "uri" validation failed: )"));
  EXPECT_THAT(error_of(R"j({"method":"NOPE"})j"),
              HasSubstr(R"(property "method" validation failed: matches none of the enum values)"));
  EXPECT_THAT(error_of(R"j({"host":"a b"})j"), HasSubstr(R"(property "host" validation failed: )"));
  EXPECT_THAT(error_of(R"j({"headers":{"X Y":"a"}})j"),
              HasSubstr("invalid field character in header"));
  EXPECT_THAT(error_of(R"j({"headers":{"X-Y":"a\r\n"}})j"),
              HasSubstr("invalid value character in header"));
  EXPECT_THAT(error_of(R"j({"headers":{"X-Y":true}})j"),
              HasSubstr(R"(property "headers" validation failed: )"));
  EXPECT_THAT(error_of(R"j({"headers":{"":"a"}})j"), HasSubstr("invalid field length in header"));
  EXPECT_EQ(error_of(R"j({"uri":"/a","headers":{"add":{"a":["b",1]}}})j"), "");
}

}  // namespace
}  // namespace pylon::plugins
