#include "router/table.h"

#include <gtest/gtest.h>

#include "router/explain.h"
#include "router/test_table.h"

namespace pylon::router {
namespace {

std::string find(const TestTable& test, std::string_view host, std::string_view uri) {
  return TestRequest(host, uri).in(test);
}

TEST(Paths, ExactThenPrefixesFromTheLongest) {
  for (Mode mode : {Mode::host_uri, Mode::uri, Mode::uri_with_parameter}) {
    TestTable test(mode);
    test.put("all", R"({"uri":"/*","priority":100})");
    test.put("a", R"({"uri":"/a*","priority":10})");
    test.put("ab", R"({"uri":"/a/b*"})");
    test.put("exact", R"({"uri":"/a/b/c","priority":-1})");
    EXPECT_EQ(find(test, "x", "/a/b/c"), "exact");
    EXPECT_EQ(find(test, "x", "/a/b/d"), "ab");
    EXPECT_EQ(find(test, "x", "/a/b"), "ab");
    EXPECT_EQ(find(test, "x", "/a"), "a");
    EXPECT_EQ(find(test, "x", "/abc"), "a");
    EXPECT_EQ(find(test, "x", "/"), "all");
    EXPECT_EQ(find(test, "x", "/A"), "all");
    EXPECT_EQ(find(test, "x", ""), "none");
  }
}

TEST(Paths, GoesOnToShorterOnesWhenNothingFits) {
  TestTable test;
  test.put("exact", R"({"uri":"/a","methods":["POST"]})");
  test.put("long", R"({"uri":"/a*","vars":[["arg_x","==","1"]]})");
  test.put("short", R"({"uri":"/*"})");
  EXPECT_EQ(TestRequest("h", "/a", "x=1").in(test), "long");
  EXPECT_EQ(TestRequest("h", "/a").in(test), "short");
}

TEST(Paths, PriorityThenLengthThenAgeAmongEquals) {
  TestTable test;
  test.put("first", R"({"uri":"/a"})");
  test.put("second", R"({"uri":"/a"})");
  EXPECT_EQ(find(test, "h", "/a"), "first");
  test.put("third", R"({"uri":"/a","priority":1})");
  EXPECT_EQ(find(test, "h", "/a"), "third");
  test.put("first", R"({"uri":"/a","priority":1})");
  EXPECT_EQ(find(test, "h", "/a"), "first");
  test.put("short", R"({"uri":"/b*"})");
  test.put("long", R"({"uri":"/b*/c"})");
  EXPECT_EQ(find(test, "h", "/b"), "long");
  test.put("short", R"({"uri":"/b*","priority":1})");
  EXPECT_EQ(find(test, "h", "/b"), "short");
}

TEST(Paths, AStarWithinIsHeldAgainstTheWholePath) {
  for (Mode mode : {Mode::host_uri, Mode::uri, Mode::uri_with_parameter}) {
    TestTable test(mode);
    test.put("middle", R"({"uri":"/a/*/c"})");
    test.put("named", R"({"uri":"/n/*rest"})");
    test.put("plain", R"({"uri":"/foo*/bar"})");
    test.put("dot", R"({"uri":"/d/*/v1.0"})");
    EXPECT_EQ(find(test, "h", "/a/b/c"), "middle");
    EXPECT_EQ(find(test, "h", "/a/b/x/c"), "middle");
    EXPECT_EQ(find(test, "h", "/a//c"), "middle");
    EXPECT_EQ(find(test, "h", "/a/\n/c"), "middle");
    EXPECT_EQ(find(test, "h", "/a/b/c/d"), "none");
    EXPECT_EQ(find(test, "h", "/a/b"), "none");
    EXPECT_EQ(find(test, "h", "/foo"), "plain");
    EXPECT_EQ(find(test, "h", "/foo1/x"), "plain");
    EXPECT_EQ(find(test, "h", "/d/x/v1.0"), "dot");
    EXPECT_EQ(find(test, "h", "/d/x/v1x0"), "dot");
    EXPECT_EQ(find(test, "h", "/d/x/v1\n0"), "none");
    TestRequest named("h", "/n/x/y");
    EXPECT_EQ(named.in(test), "named");
    EXPECT_EQ(named.param("rest"), "x/y");
    EXPECT_EQ(named.matched.pattern, "/n/*rest");
    TestRequest empty("h", "/n/");
    EXPECT_EQ(empty.in(test), "named");
    EXPECT_EQ(empty.param("rest"), "");
    TestRequest middle("h", "/a/1/2/c");
    EXPECT_EQ(middle.in(test), "middle");
    EXPECT_EQ(middle.param(":ext"), "1/2");
  }
}

TEST(Paths, Parameters) {
  TestTable test(Mode::uri_with_parameter);
  test.put("bar", R"({"uri":"/name/:name/bar"})");
  test.put("foo", R"({"uri":"/:name/foo"})");
  test.put("two", R"({"uri":"/v1/:id/products/:type/list"})");
  test.put("tail", R"({"uri":"/tail/:name/"})");
  test.put("rest", R"({"uri":"/rest/:a/*b"})");
  TestRequest bar("h", "/name/with space/bar");
  EXPECT_EQ(bar.in(test), "bar");
  EXPECT_EQ(bar.param("name"), "with space");
  EXPECT_EQ(find(test, "h", "/name/json/foo"), "none");
  EXPECT_EQ(find(test, "h", "/name/json/bar/"), "none");
  EXPECT_EQ(find(test, "h", "/name//bar"), "none");
  EXPECT_EQ(find(test, "h", "/json/foo"), "foo");
  EXPECT_EQ(find(test, "h", "/json/bbb/foo"), "none");
  TestRequest two("h", "/v1/7/products/x/list");
  EXPECT_EQ(two.in(test), "two");
  EXPECT_EQ(two.param("id") + two.param("type"), "7x");
  EXPECT_EQ(find(test, "h", "/tail/x/"), "tail");
  EXPECT_EQ(find(test, "h", "/tail/x"), "none");
  TestRequest rest("h", "/rest/1/2/3");
  EXPECT_EQ(rest.in(test), "rest");
  EXPECT_EQ(rest.param("a") + "," + rest.param("b"), "1,2/3");
  EXPECT_EQ(rest.param("c"), "absent");
}

TEST(Paths, AColonIsLiteralInTheOtherModes) {
  for (Mode mode : {Mode::host_uri, Mode::uri}) {
    TestTable test(mode);
    test.put("colon", R"({"uri":"/file:list"})");
    test.put("segment", R"({"uri":"/a/:id"})");
    test.put("after", R"({"uri":"/b/*/:id"})");
    EXPECT_EQ(find(test, "h", "/file:list"), "colon");
    EXPECT_EQ(find(test, "h", "/file:xx"), "none");
    EXPECT_EQ(find(test, "h", "/a/7"), "none");
    EXPECT_EQ(find(test, "h", "/a/:id"), "segment");
    TestRequest after("h", "/b/x/7");
    EXPECT_EQ(after.in(test), "after");
    EXPECT_EQ(after.param("id"), "7");
  }
}

TEST(Paths, EncodedSlashCountsForMatchingOnly) {
  TestTable test(Mode::uri_with_parameter);
  test.put("list", R"({"uri":"/pv/:id/list","vars":[["uri","~~","%2F"]]})");
  TestRequest request("h", "/pv/a/b/list");
  EXPECT_EQ(request.in(test), "none");
  request.request().match_uri = "/pv/a%2Fb/list";
  EXPECT_EQ(request.in(test), "list");
  EXPECT_EQ(request.param("id"), "a%2Fb");
  EXPECT_EQ(request.request().uri, "/pv/a/b/list");
}

TEST(Hosts, ExactBeatsWildcardBeatsNoneWhateverThePriority) {
  TestTable test;
  test.put("none", R"({"uri":"/a","priority":100})");
  test.put("star", R"({"uri":"/a","host":"*","priority":50})");
  test.put("com", R"({"uri":"/a","host":"*.com","priority":10})");
  test.put("foo", R"({"uri":"/a","host":"*.foo.com","priority":5})");
  test.put("exact", R"({"uri":"/a","host":"x.Foo.com"})");
  EXPECT_EQ(find(test, "x.foo.com", "/a"), "exact");
  EXPECT_EQ(find(test, "y.foo.com", "/a"), "foo");
  EXPECT_EQ(find(test, "a.b.foo.com", "/a"), "foo");
  EXPECT_EQ(find(test, "foo.com", "/a"), "com");
  EXPECT_EQ(find(test, "xfoo.com", "/a"), "com");
  EXPECT_EQ(find(test, "org", "/a"), "star");
  EXPECT_EQ(find(test, "", "/a"), "star");
  test.erase("star");
  EXPECT_EQ(find(test, "org", "/a"), "none");
}

TEST(Hosts, GoesOnToShorterHostsWhenNoUriFits) {
  TestTable test;
  test.put("exact", R"({"uri":"/exact","host":"a.foo.com"})");
  test.put("foo", R"({"uri":"/foo","host":"*.foo.com"})");
  test.put("suffix", R"({"uri":"/suffix","host":"*foo.com"})");
  test.put("none", R"({"uri":"/none"})");
  EXPECT_EQ(find(test, "a.foo.com", "/exact"), "exact");
  EXPECT_EQ(find(test, "a.foo.com", "/foo"), "foo");
  EXPECT_EQ(find(test, "a.foo.com", "/suffix"), "suffix");
  EXPECT_EQ(find(test, "foo.com", "/suffix"), "suffix");
  EXPECT_EQ(find(test, "foo.com", "/foo"), "none");
  EXPECT_EQ(find(test, "a.foo.com", "/none"), "none");
}

TEST(Hosts, OfTheServiceWhenTheRouteHasNone) {
  for (Mode mode : {Mode::host_uri, Mode::uri, Mode::uri_with_parameter}) {
    TestTable test(mode);
    test.put("inherits", R"({"uri":"/a"})", {"Bar.com"});
    test.put("own", R"({"uri":"/a","hosts":["foo.com"]})", {"bar.com"});
    EXPECT_EQ(find(test, "bar.com", "/a"), "inherits");
    EXPECT_EQ(find(test, "foo.com", "/a"), "own");
    EXPECT_EQ(find(test, "x.com", "/a"), "none");
    test.put("inherits", R"({"uri":"/a"})", {"x.com"});
    EXPECT_EQ(find(test, "x.com", "/a"), "inherits");
    EXPECT_EQ(find(test, "bar.com", "/a"), "none");
  }
}

TEST(Hosts, AreOnlyAConditionInTheUriModes) {
  for (Mode mode : {Mode::uri, Mode::uri_with_parameter}) {
    TestTable test(mode);
    test.put("none", R"({"uri":"/a","priority":2})");
    test.put("wild", R"({"uri":"/b","host":"*.foo.com"})");
    test.put("exact", R"({"uri":"/b","host":"a.foo.com"})");
    test.put("prefix", R"({"uri":"/*","host":"a.foo.com","priority":9})");
    EXPECT_EQ(find(test, "a.foo.com", "/a"), "none");
    EXPECT_EQ(find(test, "a.foo.com", "/b"), "wild");
    test.put("exact", R"({"uri":"/b","host":"a.foo.com","priority":1})");
    EXPECT_EQ(find(test, "a.foo.com", "/b"), "exact");
    EXPECT_EQ(find(test, "b.foo.com", "/b"), "wild");
    EXPECT_EQ(find(test, "foo.com", "/b"), "none");
    EXPECT_EQ(find(test, "a.foo.com", "/c"), "prefix");
  }
}

TEST(Hosts, WithAPortAreHeldAgainstTheWholeField) {
  TestTable test(Mode::uri);
  test.put("port", R"({"uri":"/a","hosts":["foo.com:9080","bar.com"]})");
  TestRequest request("foo.com", "/a");
  EXPECT_EQ(request.in(test), "none");
  request.request().fields.add("Host", "Foo.com:9080");
  EXPECT_EQ(request.in(test), "port");
  EXPECT_EQ(request.matched.host, "foo.com:9080");
  EXPECT_EQ(find(test, "bar.com", "/a"), "port");
}

TEST(Hosts, TheMatchedPatternIsTold) {
  TestTable test;
  test.put("wild", R"({"uri":"/*","host":"*.com"})");
  test.put("exact", R"({"uri":"/b","host":"foo.com"})");
  test.put("none", R"({"uri":"/*"})");
  TestRequest wild("foo.com", "/hello");
  EXPECT_EQ(wild.in(test), "wild");
  EXPECT_EQ(wild.matched.pattern, "/*");
  EXPECT_EQ(wild.matched.host, "*.com");
  TestRequest exact("foo.com", "/b");
  EXPECT_EQ(exact.in(test), "exact");
  EXPECT_EQ(exact.matched.host, "foo.com");
  TestRequest none("x.org", "/b");
  EXPECT_EQ(none.in(test), "none");
  EXPECT_TRUE(none.matched);
  EXPECT_EQ(none.matched.host, "");
}

TEST(Conditions, Methods) {
  TestTable test;
  test.put("listed", R"({"uri":"/a","methods":["GET","PURGE"],"priority":1})");
  test.put("any", R"({"uri":"/a","methods":[]})");
  auto with = [&](http::Method method) {
    TestRequest request("h", "/a");
    request.request().method = method;
    return request.in(test);
  };
  EXPECT_EQ(with(http::Method::get), "listed");
  EXPECT_EQ(with(http::Method::purge), "listed");
  EXPECT_EQ(with(http::Method::post), "any");
  EXPECT_EQ(with(http::Method::other), "any");
  test.erase("any");
  EXPECT_EQ(with(http::Method::other), "none");
}

TEST(Conditions, Addresses) {
  TestTable test;
  test.put("ten", R"({"uri":"/a","remote_addrs":["10.0.0.0/8","2001:db8::/32"]})");
  auto from = [&](std::string_view address) {
    TestRequest request("h", "/a");
    request.exchange.client.address = *IpAddress::parse(address);
    return request.in(test);
  };
  EXPECT_EQ(from("10.1.2.3"), "ten");
  EXPECT_EQ(from("2001:db8::1"), "ten");
  EXPECT_EQ(from("11.1.2.3"), "none");
}

TEST(Conditions, ABodyIsAskedForOnlyWhenItMatters) {
  TestTable test;
  test.put("form", R"({"uri":"/a","methods":["POST"],"vars":[["post_arg_x","==","1"]]})");
  TestRequest request("h", "/a");
  EXPECT_EQ(request.in(test), "none");
  request.request().method = http::Method::post;
  EXPECT_EQ(request.in(test), "needs body");
  EXPECT_FALSE(request.matched);
  request.exchange.body_known = true;
  EXPECT_EQ(request.in(test), "none");
  request.request().fields.add("Content-Type", "application/x-www-form-urlencoded");
  request.exchange.body = "x=1";
  EXPECT_EQ(request.in(test), "form");
}

TEST(Conditions, FilterIsAskedLast) {
  auto route = config::parse_route(*Json::parse(R"({"uri":"/a","plugins":{}})"));
  bool allowed = false;
  Filter filter{[](const void* self, http::Exchange&) { return *static_cast<const bool*>(self); },
                &allowed};
  auto rule = Rule::compile({*route, route->hosts, 1, &allowed, filter}, Mode::host_uri);
  auto editor = Table(Mode::host_uri).edit();
  editor.insert(*rule);
  Table table = std::move(editor).commit();
  TestRequest request("h", "/a");
  EXPECT_FALSE(match(table, request.exchange));
  allowed = true;
  EXPECT_EQ(match(table, request.exchange).target, &allowed);
}

std::string explained(const TestTable& test, TestRequest& request, size_t limit = 100) {
  std::string text;
  Explanation found = explain(test.table(), request.exchange, limit);
  for (const Trial& trial : found.trials) {
    text += *static_cast<const std::string*>(trial.target);
    text += ":" + std::string(obstacle_name(trial.obstacle)) + " ";
  }
  EXPECT_EQ(found.match.target, match(test.table(), request.exchange).target);
  return text;
}

TEST(Explained, TheFirstConditionThatFailedInMatchOrder) {
  for (Mode mode : {Mode::host_uri, Mode::uri, Mode::uri_with_parameter}) {
    TestTable test(mode);
    test.put("post", R"({"uri":"/a","methods":["POST"],"priority":9})");
    test.put("near", R"({"uri":"/a","remote_addr":"10.0.0.0/8","priority":8})");
    test.put("vars", R"({"uri":"/a","vars":[["arg_x","==","1"]],"priority":7})");
    test.put("taken", R"({"uri":"/a"})");
    test.put("segment", R"({"uri":"/*/c"})");
    test.put("wide", R"({"uri":"/*"})");
    test.put("elsewhere", R"({"uri":"/b"})");
    TestRequest request("h", "/a");
    EXPECT_EQ(explained(test, request),
              "post:method near:remote_addr vars:vars taken:none segment:uri wide:none ");
    EXPECT_EQ(explained(test, request, 2), "post:method near:remote_addr taken:none ");
  }
}

TEST(Explained, HostsAreAConditionWithoutATableOfThem) {
  TestTable test(Mode::uri);
  test.put("both", R"({"uri":"/a","hosts":["*.x.com","y.com"]})");
  TestRequest request("z.com", "/a");
  EXPECT_EQ(explained(test, request), "both:host ");
}

TEST(Explained, ABodyThatIsNotThereFailsTheCondition) {
  TestTable test;
  test.put("form", R"({"uri":"/a","vars":[["post_arg_x","==","1"]]})");
  TestRequest request("h", "/a");
  EXPECT_EQ(explained(test, request), "form:vars ");
}

TEST(Rules, SwitchedOffOrInvalid) {
  TestTable test;
  test.put("off", R"({"uri":"/a","status":0})");
  EXPECT_EQ(find(test, "h", "/a"), "none");
  test.put("off", R"({"uri":"/a","status":1})");
  EXPECT_EQ(find(test, "h", "/a"), "off");
  test.put("off", R"({"uri":"/a","status":0})");
  EXPECT_EQ(find(test, "h", "/a"), "none");
  auto route =
      config::parse_route(*Json::parse(R"({"uri":"/a","plugins":{},"vars":["http_a","~*","b"]})"));
  auto rule = Rule::compile({*route, route->hosts, 1, nullptr}, Mode::uri);
  ASSERT_FALSE(rule.has_value());
  EXPECT_EQ(rule.error().message,
            "failed to validate the 'vars' expression: rule should be wrapped inside brackets");
}

TEST(Tables, AnOldVersionStaysAsItWas) {
  TestTable test;
  test.put("a", R"({"uris":["/a","/b*"],"hosts":["x.com","*.y.com"]})");
  Table old = test.table();
  test.put("a", R"({"uri":"/c"})");
  test.put("b", R"({"uri":"/a","host":"x.com"})");
  EXPECT_EQ(TestRequest("x.com", "/a").in(old), "a");
  EXPECT_EQ(TestRequest("z.y.com", "/bb").in(old), "a");
  EXPECT_EQ(TestRequest("x.com", "/c").in(old), "none");
  EXPECT_EQ(find(test, "x.com", "/a"), "b");
  EXPECT_EQ(find(test, "z.y.com", "/bb"), "none");
  EXPECT_EQ(find(test, "x.com", "/c"), "a");
}

}  // namespace
}  // namespace pylon::router
