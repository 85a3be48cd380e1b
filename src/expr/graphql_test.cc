#include "expr/graphql.h"

#include <gtest/gtest.h>

#include <string>

namespace pylon::expr {
namespace {

std::string parse(std::string_view text) {
  auto found = parse_graphql(text);
  if (!found) return "refused";
  std::string told = std::string(found->operation) + " " + std::string(found->name) + ":";
  for (std::string_view field : found->root_fields) told += " " + std::string(field);
  return told;
}

TEST(Graphql, FirstOperation) {
  EXPECT_EQ(parse("query repo { owner { name } }"), "query repo: owner");
  EXPECT_EQ(parse("query{owner{name},repo}"), "query : owner repo");
  EXPECT_EQ(parse("{ a b }"), "query : a b");
  EXPECT_EQ(parse("mutation m($x: [Int!]! = 3 @d) @e(a: 1) { a(x: $x) }"), "mutation m: a");
  EXPECT_EQ(parse("query a { x } query b { y }"), "query a: x");
  EXPECT_EQ(parse("fragment f on T { x }"), " f: x");
  EXPECT_EQ(parse("# hi\nquery { alias: real(a: {b: [\"}\", \"\"\"}\\\"\"\"\"\"\"]}) @x { y } }"),
            "query : real");
  EXPECT_EQ(parse("{ ... on T { x } ...f @d a ... { z } }"), "query : f a");
  EXPECT_EQ(parse("subscription { a(b: -1.5e3, c: true, d: null, e: ENUM) }"), "subscription : a");
}

TEST(Graphql, RefusesWhatIsNotWellFormed) {
  for (auto bad : {"", "  # c", "AA", "query", "query {", "query { }", "{ a { } }", "{ a } }",
                   "{ a(}) }", "{ a(b) }", "{ \"x }", "{ a: }", "{ ... on { a } }", "{ a ~ }",
                   "query ($) { a }", "type T { a: Int }", "{ a } x", "{ a @ }", "{ \"\"\"x }"}) {
    EXPECT_EQ(parse(bad), "refused") << bad;
  }
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += "{a";
  EXPECT_EQ(parse(deep), "refused");
  EXPECT_EQ(parse("{a(b:" + std::string(10'000, '[') + ")}"), "refused");
}

}  // namespace
}  // namespace pylon::expr
