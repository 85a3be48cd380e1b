#include "base/regex.h"

#include <gtest/gtest.h>

#include <chrono>

#include "base/arena.h"

namespace pylon {
namespace {

Regex compiled(std::string_view pattern, RegexFlags flags = {}) {
  auto regex = Regex::compile(pattern, flags);
  EXPECT_TRUE(regex) << (regex ? "" : regex.error().message);
  return regex ? *regex : Regex();
}

ReplaceTemplate replacement(std::string_view text) {
  auto made = ReplaceTemplate::compile(text);
  EXPECT_TRUE(made) << text;
  return made ? *made : ReplaceTemplate();
}

TEST(Regex, CapturesWithBothEngines) {
  for (std::string_view pattern : {"^/([a-z]+)/(\\d+)(x)?$", "^/([a-z]+)/(\\d+)(x)?(?<=\\d|x)$"}) {
    Regex regex = compiled(pattern);
    Captures captures;
    ASSERT_TRUE(regex.search("/user/42", captures)) << pattern;
    EXPECT_EQ(captures.count, 4u);
    EXPECT_EQ(captures[0], "/user/42");
    EXPECT_EQ(captures[1], "user");
    EXPECT_EQ(captures[2], "42");
    EXPECT_EQ(captures[3].data(), nullptr);
    EXPECT_FALSE(regex.matches("/user/"));
  }
  EXPECT_TRUE(compiled("a(b)c").is_linear());
  EXPECT_FALSE(compiled("(?=a)b").is_linear());
}

TEST(Regex, SyntaxOfBothEnginesAndNeither) {
  EXPECT_TRUE(compiled("(a)\\1").matches("xaa"));
  EXPECT_TRUE(compiled("^(?!/admin).*").matches("/public"));
  EXPECT_FALSE(compiled("^(?!/admin)/.*").matches("/admin/x"));
  EXPECT_TRUE(compiled("^[a-zA-Z0-9-_.]+$").matches("a-b_c.d"));
  EXPECT_TRUE(compiled("ABC", {.ignore_case = true}).matches("xabcx"));
  EXPECT_TRUE(compiled("^b$", {.multi_line = true}).matches("a\nb\nc"));
  EXPECT_TRUE(compiled("a.b", {.dot_all = true}).matches("a\nb"));
  EXPECT_FALSE(compiled("a.b").matches("a\nb"));
  EXPECT_FALSE(compiled("^a$").matches("a\n"));
  EXPECT_TRUE(compiled("^a$", {.lax_end = true}).matches("a\n"));
  EXPECT_FALSE(compiled("^a$", {.lax_end = true}).matches("a\nb"));
  EXPECT_TRUE(compiled("\xc3.").matches("\xc3\xa9"));  // bytes, valid UTF-8 or not
  for (std::string_view pattern : {"(", "[a", "a{2,1}", "*a", "(?<n", "\\"}) {
    EXPECT_FALSE(Regex::compile(pattern)) << pattern;
  }
  EXPECT_FALSE(Regex::compile(std::string(Regex::kMaxPatternBytes + 1, 'a')));
  EXPECT_FALSE(Regex().matches("anything"));
}

TEST(Regex, NeverHangs) {
  std::string hostile(10'000, 'a');
  hostile += '!';
  for (std::string_view pattern :
       {"(a+)+$", "^(a+)+$", "(?=a)(a+)+$", "^(a|aa)+$", "(.*)*x", "(?=.)(.*)(.*)(.*)(.*)x",
        "^(?:a?){50}a{50}$(?!b)", "(x+x+)+y", "(?=a)(a|a?)+$"}) {
    Regex regex = compiled(pattern);
    auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(regex.matches(hostile)) << pattern;
    auto took = std::chrono::steady_clock::now() - start;
    EXPECT_LT(std::chrono::duration_cast<std::chrono::milliseconds>(took).count(), 250) << pattern;
  }
}

TEST(Regex, GivingUpIsCounted) {
  uint64_t before = Regex::gave_up();
  EXPECT_FALSE(compiled("(?=a)(a+)+$").matches(std::string(10'000, 'a') + "!"));
  EXPECT_GT(Regex::gave_up(), before);
}

TEST(Regex, Replaces) {
  Regex regex = compiled("^/old/(.*)/(\\w+)$");
  EXPECT_EQ(regex.replace_first("/old/a/b", replacement("/new/$2/${1}$$")), "/new/b/a$");
  EXPECT_EQ(regex.replace_first("/other", replacement("x")), std::nullopt);
  EXPECT_EQ(compiled("b+").replace_first("abbbc", replacement("[$0]")), "a[bbb]c");
  Arena arena;
  EXPECT_EQ(compiled("^/a").replace_first("/a", replacement(""), arena), "");
  EXPECT_NE(compiled("^/a").replace_first("/a", replacement(""), arena).data(), nullptr);
  EXPECT_EQ(compiled("^/b").replace_first("/a", replacement(""), arena).data(), nullptr);
  EXPECT_EQ(compiled("a").replace_all("banana", replacement("<$0>")), "b<a>n<a>n<a>");
  EXPECT_EQ(compiled("x*").replace_all("axb", replacement("-")), "-a--b-");
  EXPECT_EQ(compiled("(?=b)").replace_all("abab", replacement("|")), "a|ba|b");
  EXPECT_EQ(compiled("z").replace_all("", replacement("-")), "");
}

TEST(Regex, BadTemplates) {
  for (std::string_view text : {"$", "$x", "${1", "${}", "${a}"}) {
    EXPECT_FALSE(ReplaceTemplate::compile(text)) << text;
  }
  EXPECT_EQ(compiled("a").replace_first("a", replacement("$9")), "");
}

TEST(Regex, ManyGroups) {
  std::string pattern;
  for (int i = 0; i < 40; ++i) pattern += "(a?)";
  for (const std::string& each : {pattern, pattern + "(?!x)"}) {
    Captures captures;
    ASSERT_TRUE(compiled(each).search("aaa", captures));
    EXPECT_EQ(captures.count, Captures::kMaxGroups);
    EXPECT_EQ(captures[3], "a");
  }
}

}  // namespace
}  // namespace pylon
