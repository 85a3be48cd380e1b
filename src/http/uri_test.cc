#include "http/uri.h"

#include <gtest/gtest.h>

#include <string>

namespace pylon::http {
namespace {

class UriTest : public ::testing::Test {
 protected:
  UriError parse(std::string_view target, Method method = Method::get) {
    uri_ = Uri{};
    return parse_target(target, method, options_, arena_, uri_);
  }
  // The normalised path, or why there is none.
  std::string path(std::string_view target) {
    UriError error = parse(target);
    return std::string(error == UriError::none ? uri_.path : describe(error));
  }
  std::string host(std::string_view text) {
    Authority authority;
    if (!parse_authority(text, arena_, authority)) return "refused";
    return std::string(authority.host) + "|" + std::to_string(authority.port);
  }

  Arena arena_;
  UriOptions options_;
  Uri uri_;
};

TEST_F(UriTest, APlainTargetIsNotCopied) {
  ASSERT_EQ(parse("/a/b.c/d-e?x=1&y=%zz"), UriError::none);
  EXPECT_EQ(arena_.bytes_reserved(), 0u);
  EXPECT_EQ(uri_.path, "/a/b.c/d-e");
  EXPECT_EQ(uri_.args, "x=1&y=%zz");
  EXPECT_EQ(uri_.raw, "/a/b.c/d-e?x=1&y=%zz");
  EXPECT_TRUE(uri_.has_args);
  EXPECT_EQ(uri_.form, TargetForm::origin);
}

TEST_F(UriTest, AQuestionMarkWithNothingAfterItIsSeen) {
  ASSERT_EQ(parse("/?"), UriError::none);
  EXPECT_TRUE(uri_.has_args);
  EXPECT_EQ(uri_.args, "");
  ASSERT_EQ(parse("/a??b=/../"), UriError::none);
  EXPECT_EQ(uri_.args, "?b=/../");
}

TEST_F(UriTest, DecodesOnceAndResolves) {
  EXPECT_EQ(path("/%61%2Fb"), "/a/b");
  EXPECT_EQ(path("/%2561"), "/%61");
  EXPECT_EQ(path("/a//b///c"), "/a/b/c");
  EXPECT_EQ(path("//"), "/");
  EXPECT_EQ(path("/./a/./b/."), "/a/b/");
  EXPECT_EQ(path("/a/b/.."), "/a/");
  EXPECT_EQ(path("/a/b/../"), "/a/");
  EXPECT_EQ(path("/a/../b"), "/b");
  EXPECT_EQ(path("/a/%2e%2E/b"), "/b");
  EXPECT_EQ(path("/a%2f..%2fb"), "/b");
  EXPECT_EQ(path("/a/..b/.c/..."), "/a/..b/.c/...");
  EXPECT_EQ(path("/a//../b"), "/b");
  EXPECT_EQ(path("/a%3Fb%23c"), "/a?b#c");
  EXPECT_EQ(path("/a\\..\\b"), "/a\\..\\b");
  EXPECT_EQ(path("/%0A\xc3\xbc"), "/\n\xc3\xbc");
  EXPECT_EQ(path("/a;p=1/b"), "/a;p=1/b");
}

TEST_F(UriTest, RefusesWhatIsAmbiguous) {
  EXPECT_EQ(parse("/.."), UriError::root);
  EXPECT_EQ(parse("/a/../../b"), UriError::root);
  EXPECT_EQ(parse("/%2e%2e"), UriError::root);
  EXPECT_EQ(parse("/a%"), UriError::escape);
  EXPECT_EQ(parse("/a%2"), UriError::escape);
  EXPECT_EQ(parse("/a%2g"), UriError::escape);
  EXPECT_EQ(parse("/a%00b"), UriError::nul);
  EXPECT_EQ(parse("/a b"), UriError::octet);
  EXPECT_EQ(parse("/a#b"), UriError::octet);
  EXPECT_EQ(parse("/a?b#c"), UriError::octet);
  EXPECT_EQ(parse("/a?b\tc"), UriError::octet);
  EXPECT_EQ(parse("/a\x7f"), UriError::octet);
  EXPECT_EQ(parse(std::string_view("/a\0b", 4)), UriError::octet);
  EXPECT_EQ(parse(""), UriError::form);
  EXPECT_EQ(parse("a/b"), UriError::form);
  EXPECT_EQ(parse("*"), UriError::form);
  EXPECT_EQ(parse("*/"), UriError::form);
  EXPECT_EQ(parse("ftp://a/"), UriError::form);
  EXPECT_EQ(parse("http:/a/"), UriError::form);
}

TEST_F(UriTest, AbsoluteForm) {
  ASSERT_EQ(parse("HTTP://Foo.com:8080/a/../b?c"), UriError::none);
  EXPECT_EQ(uri_.form, TargetForm::absolute);
  EXPECT_EQ(uri_.authority.host, "foo.com");
  EXPECT_EQ(uri_.authority.port, 8080);
  EXPECT_EQ(uri_.path, "/b");
  EXPECT_EQ(uri_.args, "c");
  EXPECT_EQ(uri_.raw, "/a/../b?c");
  ASSERT_EQ(parse("https://foo.com"), UriError::none);
  EXPECT_EQ(uri_.path, "/");
  EXPECT_EQ(uri_.raw, "/");
  ASSERT_EQ(parse("http://foo.com?a=b"), UriError::none);
  EXPECT_EQ(uri_.path, "/");
  EXPECT_EQ(uri_.raw, "/?a=b");
  EXPECT_EQ(parse("http:///a"), UriError::authority);
  EXPECT_EQ(parse("http://user@foo.com/"), UriError::authority);
  EXPECT_EQ(parse("http://foo.com#f"), UriError::octet);
}

TEST_F(UriTest, FormsOfTheirOwnMethods) {
  ASSERT_EQ(parse("*", Method::options), UriError::none);
  EXPECT_EQ(uri_.form, TargetForm::asterisk);
  EXPECT_EQ(uri_.path, "*");
  ASSERT_EQ(parse("http://foo.com", Method::options), UriError::none);
  EXPECT_EQ(uri_.form, TargetForm::asterisk);
  EXPECT_EQ(uri_.authority.host, "foo.com");
  ASSERT_EQ(parse("http://foo.com/", Method::options), UriError::none);
  EXPECT_EQ(uri_.path, "/");
  ASSERT_EQ(parse("foo.com:443", Method::connect), UriError::none);
  EXPECT_EQ(uri_.form, TargetForm::authority);
  EXPECT_EQ(uri_.authority.port, 443);
  EXPECT_EQ(parse("foo.com", Method::connect), UriError::authority);
  EXPECT_EQ(parse("/", Method::connect), UriError::authority);
  EXPECT_EQ(parse("foo.com:443"), UriError::form);
}

TEST_F(UriTest, TailSlash) {
  options_.delete_tail_slash = true;
  EXPECT_EQ(path("/a/"), "/a");
  EXPECT_EQ(path("/a//"), "/a");
  EXPECT_EQ(path("/a/b/.."), "/a");
  EXPECT_EQ(path("/"), "/");
}

TEST_F(UriTest, LikeServlet) {
  options_.like_servlet = true;
  EXPECT_EQ(path("/hello;world"), "/hello");
  EXPECT_EQ(path("/hello;a=b/world;a/;"), "/hello/world/");
  EXPECT_EQ(path("/a%3bx/b"), "/a/b");
  for (auto bad : {"/;/a", "/%2e;", "/%2E%2E;", "/.;", "/..;", "/%2E%2e;", "/b/;/c", "/%252e;",
                   "/a/%252E%252e;x"}) {
    EXPECT_EQ(parse(bad), UriError::parameter) << bad;
  }
  EXPECT_EQ(path("/a/"), "/a/");
}

TEST_F(UriTest, EncodedSlashIsKeptForTheRouterOnly) {
  options_.keep_encoded_slash = true;
  ASSERT_EQ(parse("/v1/te%2fst/%41?x=%2F"), UriError::none);
  EXPECT_EQ(uri_.path, "/v1/te/st/A");
  EXPECT_EQ(uri_.match_path, "/v1/te%2Fst/A");
  for (auto other : {"/x%2Fy/../z", "/a%2Fb/%2e/c", "/a%2F/b", "/a?b=%2F", "/a/b", "/%41"}) {
    ASSERT_EQ(parse(other), UriError::none) << other;
    EXPECT_EQ(uri_.match_path.data(), nullptr) << other;
  }
  options_.delete_tail_slash = true;
  ASSERT_EQ(parse("/a%2Fb/"), UriError::none);
  EXPECT_EQ(uri_.match_path.data(), nullptr);
}

TEST_F(UriTest, Hosts) {
  EXPECT_EQ(host("foo.com"), "foo.com|0");
  EXPECT_EQ(host("Foo.COM:80"), "foo.com|80");
  EXPECT_EQ(host("foo.com:"), "foo.com|0");
  EXPECT_EQ(host("foo.com."), "foo.com|0");
  EXPECT_EQ(host("a_b-c.d~e:65535"), "a_b-c.d~e|65535");
  EXPECT_EQ(host("127.0.0.1:9080"), "127.0.0.1|9080");
  EXPECT_EQ(host("[::1]:9080"), "[::1]|9080");
  EXPECT_EQ(host("[2001:DB8::1]"), "[2001:db8::1]|0");
  for (auto bad :
       {"",        ":80",  "a b",   "a\tb", "a/b",  "a\\b", "user@a",    "a:b",    "a:80:90",
        "a:65536", "a:-1", "a: 80", "::1",  "[::1", "[]",   "[1.2.3.4]", "[::1]x", "[::1%25eth0]",
        "a..b",    ".",    ".a",    "a%",   "a%0",  "a%00", "a%20b",     "a?b",    "a#b",
        "a\"",     "<a>",  "a\x80", "{a}",  "a^",   "a|b",  "a`",        "*:x"}) {
    EXPECT_EQ(host(bad), "refused") << bad;
  }
}

TEST_F(UriTest, Encoding) {
  EXPECT_EQ(encode_uri("/a/b-c_~!$&'()*+,;=:@", arena_), "/a/b-c_~!$&'()*+,;=:@");
  EXPECT_EQ(encode_uri("/a b?c#d%\n\x7f\xc3\"<>\\^`{|}", arena_),
            "/a%20b%3Fc%23d%25%0A%7F%C3%22%3C%3E%5C%5E%60%7B%7C%7D");
  EXPECT_EQ(encode_uri("", arena_), "");
}

TEST_F(UriTest, Arguments) {
  auto get = [&](std::string_view args, std::string_view name) {
    std::string_view value = find_argument(args, name, arena_);
    return value.data() == nullptr ? "absent" : std::string(value);
  };
  EXPECT_EQ(get("a=1&b=2&a=3", "a"), "1");
  EXPECT_EQ(get("a=1&b=2", "b"), "2");
  EXPECT_EQ(get("a=1&b=2", "c"), "absent");
  EXPECT_EQ(get("", "a"), "absent");
  EXPECT_EQ(get("&&a=1", "a"), "1");
  EXPECT_EQ(get("aa=1&a=2", "a"), "2");
  EXPECT_EQ(get("A=1", "a"), "absent");
  EXPECT_EQ(get("a=", "a"), "");
  EXPECT_EQ(get("a", "a"), "true");
  EXPECT_EQ(get("a=b=c", "a"), "b=c");
  EXPECT_EQ(get("a%2db+c=x%20y+z", "a-b c"), "x y z");
  EXPECT_EQ(get("a=%zz%4", "a"), "%zz%4");
  EXPECT_EQ(get("&=1", ""), "1");
}

}  // namespace
}  // namespace pylon::http
