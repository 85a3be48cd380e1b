#include "base/strings.h"

#include <gtest/gtest.h>

#include <random>

namespace pylon {
namespace {

using namespace std::string_view_literals;

TEST(Strings, ParsesIntegersStrictly) {
  EXPECT_EQ(parse_int("-42"), -42);
  EXPECT_EQ(parse_uint("18446744073709551615"), UINT64_MAX);
  for (std::string_view text : {"", "+1", " 1", "1 ", "1x", "--1", "0x1", "99999999999999999999"}) {
    EXPECT_FALSE(parse_int(text)) << text;
  }
  EXPECT_FALSE(parse_uint("-1"));
  EXPECT_EQ(parse_double("1.5e3"), 1500);
  EXPECT_FALSE(parse_double("inf"));
  EXPECT_FALSE(parse_double("nan"));
  EXPECT_FALSE(parse_double("1e999"));
}

TEST(Strings, Base64) {
  EXPECT_EQ(base64_encode(""), "");
  EXPECT_EQ(base64_encode("f"), "Zg==");
  EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64url_encode("\xfb\xff"), "-_8");
  EXPECT_EQ(base64_decode("Zg=="), "f");
  EXPECT_EQ(base64_decode("Zg"), "f");
  EXPECT_EQ(base64url_decode("-_8"), "\xfb\xff");
  for (std::string_view text : {"Z", "Zg=", "Zh==", "Z g=", "Zg===", "====", "Zm9v\n", "-_8="}) {
    EXPECT_FALSE(base64_decode(text)) << text;
  }
  std::mt19937 random(1);
  for (size_t size = 0; size < 70; ++size) {
    std::string bytes(size, ' ');
    for (char& c : bytes) c = static_cast<char>(random());
    EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes);
    EXPECT_EQ(base64url_decode(base64url_encode(bytes)), bytes);
    EXPECT_EQ(percent_decode(percent_encode(bytes)), bytes);
  }
}

TEST(Strings, EscapesRefuseCutInput) {
  EXPECT_EQ(percent_decode("a%20b+c"), "a b+c");
  EXPECT_FALSE(percent_decode("%2"));
  EXPECT_FALSE(percent_decode("%"));
  EXPECT_FALSE(percent_decode("%gg"));
  EXPECT_EQ(percent_encode("a b/é"), "a%20b%2F%C3%A9");
  EXPECT_EQ(html_escape("<a href=\"x\">'&'</a>"),
            "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
}

TEST(Strings, SplitTrimCompare) {
  EXPECT_EQ(split("a,,b", ','), (std::vector{"a"sv, ""sv, "b"sv}));
  EXPECT_EQ(split("", ','), std::vector{""sv});
  EXPECT_EQ(trim(" \t a b \t"), "a b");
  EXPECT_EQ(trim(" \t "), "");
  EXPECT_TRUE(iequals("Content-Type", "content-TYPE"));
  EXPECT_FALSE(iequals("a", "ab"));
  EXPECT_FALSE(iequals("[", "{"));
  EXPECT_TRUE(istarts_with("$ENV://x", "$env://"));
  EXPECT_EQ(to_lower("ÀbC"), "Àbc");
}

TEST(Strings, Utf8) {
  EXPECT_TRUE(is_valid_utf8("é€😀"));
  EXPECT_FALSE(is_valid_utf8("\xc0\xaf"));
  EXPECT_FALSE(is_valid_utf8("\xed\xa0\x80"));
  EXPECT_FALSE(is_valid_utf8("\xe2\x82"));
}

TEST(Strings, NearestWord) {
  std::vector<std::string_view> known = {"node_listen", "enable_admin", "ssl"};
  EXPECT_EQ(nearest_word("node_listn", known), "node_listen");
  EXPECT_EQ(nearest_word("enable_admim", known), "enable_admin");
  EXPECT_EQ(nearest_word("zzzzzz", known), "");
  EXPECT_EQ(nearest_word("strat", {"stop", "start", "restart"}), "start");  // two letters swapped
}

}  // namespace
}  // namespace pylon
