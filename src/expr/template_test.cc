#include "expr/template.h"

#include <gtest/gtest.h>

#include "expr/test_exchange.h"

namespace pylon::expr {
namespace {

std::string render(std::string_view text) {
  TestExchange test;
  test.uri("/", "you=John&me=David");
  return std::string(Template::compile(text).render(test.exchange));
}

TEST(Template, AsResolveVar) {
  EXPECT_EQ(render(""), "");
  EXPECT_EQ(render("xx"), "xx");
  EXPECT_EQ(render("$arg_me"), "David");
  EXPECT_EQ(render("talk with $arg_me"), "talk with David");
  EXPECT_EQ(render("$arg_you and $arg_me!"), "John and David!");
  EXPECT_EQ(render("$eva and $arg_me"), " and David");
  EXPECT_EQ(render("$arg_you and \\$arg_me"), "John and \\$arg_me");
  EXPECT_EQ(render("${arg_you}_${arg_me}"), "John_David");
  EXPECT_EQ(render("${arg_you}$arg_me"), "JohnDavid");
  EXPECT_EQ(render("${arg_you??Rose}"), "John");
  EXPECT_EQ(render("${she??Rose}$arg_me"), "RoseDavid");
  EXPECT_EQ(render("${ she   ??     Rose }$arg_me"), "RoseDavid");
  EXPECT_EQ(render("${arg_you ?? Rose}$he??Jack"), "John??Jack");
  EXPECT_EQ(render("$$arg_me"), "$David");
  EXPECT_EQ(render("a$"), "a$");
  EXPECT_EQ(render("a${"), "a${");
  EXPECT_EQ(render("${}${ }"), "${}${ }");
  EXPECT_EQ(render("$-"), "$-");
}

TEST(Template, ConstantsAreNotCopied) {
  Template text = Template::compile("plain");
  EXPECT_TRUE(text.is_constant());
  TestExchange test;
  EXPECT_EQ(text.render(test.exchange).data(), text.render(test.exchange).data());
}

TEST(Template, CountsWhatWasPresent) {
  TestExchange test;
  test.uri("/", "a=1");
  size_t resolved = 9;
  Template::compile("$arg_a $arg_b ${arg_c ?? x}").render(test.exchange, resolved);
  EXPECT_EQ(resolved, 2u);
  Template::compile("x").render(test.exchange, resolved);
  EXPECT_EQ(resolved, 0u);
}

std::string log_line(std::string_view text, LogFormat::Escape escape) {
  TestExchange test;
  test.uri("/a", "x=1").field("X-A", "q\"\\\x01\n\x7f\xc3");
  test.exchange.request.target = "/./a?x=1";
  LogFormat format = LogFormat::compile(text, escape);
  return std::string(format.line(test.exchange));
}

TEST(LogFormat, Escapes) {
  using Escape = LogFormat::Escape;
  EXPECT_EQ(log_line("$remote_addr - $remote_user \"$request\" ${status}x", Escape::standard),
            "127.0.0.1 - - \"GET /./a?x=1 HTTP/1.1\" 000x");
  EXPECT_EQ(log_line("$http_x_a", Escape::standard), R"(q\x22\x5C\x01\x0A\x7F\xC3)");
  EXPECT_EQ(log_line("{\"a\":\"$http_x_a\",\"b\":\"$http_b\"}", Escape::json),
            "{\"a\":\"q\\\"\\\\\\u0001\\n\x7f\xc3\",\"b\":\"\"}");
  EXPECT_EQ(log_line("$http_x_a$http_b", Escape::none), "q\"\\\x01\n\x7f\xc3");
  EXPECT_EQ(log_line("$request_uri", Escape::standard), "/./a?x=1");
  EXPECT_EQ(log_line("$arg_x.$arg_x", Escape::standard), "1.1");
  EXPECT_EQ(log_line("", Escape::standard), "");
  // An octet to escape is found wherever it stands, and only in values.
  for (size_t before = 0; before < 40; ++before) {
    std::string text(before, '"');
    EXPECT_EQ(log_line(text + "$http_x_a", Escape::standard),
              text + R"(q\x22\x5C\x01\x0A\x7F\xC3)");
    EXPECT_EQ(log_line(text + "$uri$http_x_a|", Escape::json),
              text + "/aq\\\"\\\\\\u0001\\n\x7f\xc3|");
  }
}

TEST(LogFormat, NamesWhatNobodyKnows) {
  LogFormat format = LogFormat::compile("$uri $nonsense $arg_a", LogFormat::Escape::none);
  ASSERT_EQ(format.unknown_names().size(), 1u);
  EXPECT_EQ(format.unknown_names()[0], "nonsense");
}

}  // namespace
}  // namespace pylon::expr
