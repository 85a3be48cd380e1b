#include "base/yaml.h"

#include <gtest/gtest.h>

namespace pylon {
namespace {

std::string json_of(std::string_view text) {
  auto document = parse_yaml(text);
  return document ? document->value.dump() : "error: " + document.error().message;
}

TEST(Yaml, ReadsScalarsAsYaml11) {
  EXPECT_EQ(json_of("[~, null, Null, '', \"~\"]"), R"([null,null,null,"","~"])");
  EXPECT_EQ(json_of("[true, Yes, ON, false, no, Off, tRue, y]"),
            R"([true,true,true,false,false,false,"tRue","y"])");
  EXPECT_EQ(json_of("[0, 12, -3, +4, 1_000, 0x1F, 017, 0b101, 08]"), "[0,12,-3,4,1000,31,15,5,8]");
  EXPECT_EQ(json_of("[1.5, -.5, 1e3, 1.0]"), "[1.5,-0.5,1000,1]");
  EXPECT_EQ(json_of("[1:30, 127.0.0.1, 0.0.0.0:9180, 1.2.3, -, '1', .inf, 12a]"),
            R"([90,"127.0.0.1","0.0.0.0:9180","1.2.3","-","1",".inf","12a"])");
  EXPECT_EQ(json_of("a:"), R"({"a":null})");
  EXPECT_EQ(json_of("[!!str 1, !!int '2', ! 3]"), R"(["1",2,"3"])");
  EXPECT_EQ(json_of("99999999999999999999"), "1e+20");
}

TEST(Yaml, ReadsStructures) {
  EXPECT_EQ(
      json_of("apisix:\n  node_listen:\n    - 9080\n    - port: 9081\n      ssl: true\n1: x\n"),
      R"({"apisix":{"node_listen":[9080,{"port":9081,"ssl":true}]},"1":"x"})");
  EXPECT_EQ(json_of("a: |\n  x\n  y\nb: >\n  p\n  q\n"), R"({"a":"x\ny\n","b":"p q\n"})");
  EXPECT_EQ(json_of(""), "null");
  EXPECT_EQ(json_of("# only a comment\n"), "null");
}

TEST(Yaml, AliasesAndMerges) {
  EXPECT_EQ(json_of("a: &x {p: 1, q: 2}\nb: *x\nc:\n  <<: *x\n  q: 3\n"),
            R"({"a":{"p":1,"q":2},"b":{"p":1,"q":2},"c":{"q":3,"p":1}})");
  EXPECT_EQ(json_of("a: *nobody"), "error: line 1: unknown alias *nobody");
  EXPECT_EQ(json_of("a: &a [*a]"), "error: line 1: unknown alias *a");
}

TEST(Yaml, TellsLines) {
  auto document = parse_yaml("a: 1\nb:\n  - x\n  - c/d: 2\n");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->line_of(""), 1u);
  EXPECT_EQ(document->line_of("/a"), 1u);
  EXPECT_EQ(document->line_of("/b"), 2u);
  EXPECT_EQ(document->line_of("/b/1"), 4u);
  EXPECT_EQ(document->line_of("/b/1/c~1d"), 4u);
  EXPECT_EQ(document->line_of("/nowhere"), 0u);
}

TEST(Yaml, RefusesWithTheLine) {
  EXPECT_EQ(json_of("a: 1\nb: 2\na: 3\n"), "error: line 3: duplicate key a");
  EXPECT_EQ(json_of("? [a]\n: 1\n"), "error: line 1: a key must be a scalar");
  EXPECT_EQ(json_of("a: 1\n---\nb: 2\n"), "error: line 2: a second document begins here");
  EXPECT_EQ(json_of("a: [1\n"), "error: line 2: did not find expected ',' or ']'");
  EXPECT_TRUE(json_of("a: \"\xff\"").starts_with("error: line 1: "));
  EXPECT_TRUE(json_of("a:\n\t- b").starts_with("error: line 2: "));
  EXPECT_EQ(json_of("!!int x"),
            "error: line 1: the value does not fit the tag tag:yaml.org,2002:int");
}

TEST(Yaml, DuplicateAmongManyKeys) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "k" + std::to_string(i) + ": 1\n";
  EXPECT_EQ(json_of(text + "k50: 2\n"), "error: line 101: duplicate key k50");
  EXPECT_EQ(parse_yaml(text)->value.size(), 100u);
}

TEST(Yaml, Limits) {
  EXPECT_TRUE(json_of(std::string(100, '[') + std::string(100, ']')).starts_with("error: line 1"));
  std::string laughs = "a: &a [1,1,1,1,1,1,1,1,1,1]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    laughs += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 10; ++i)
      laughs += std::string(i > 0 ? ",*" : "*") + static_cast<char>(c - 1);
    laughs += "]\n";
  }
  EXPECT_TRUE(parse_yaml(laughs, {.max_nodes = 100'000}).error().message.find("more than 100000") !=
              std::string::npos);
  std::string copies;
  for (char name = 'a'; name <= 'z'; ++name) copies += std::string("[&") + name + " ";
  for (int i = 0; i < 1000; ++i) copies += i > 0 ? ",1" : "[1";
  copies += std::string(27, ']');
  EXPECT_TRUE(parse_yaml(copies));
  EXPECT_FALSE(parse_yaml(copies, {.max_nodes = 20'000}));
  EXPECT_FALSE(parse_yaml("abc", {.max_bytes = 2}));
}

}  // namespace
}  // namespace pylon
