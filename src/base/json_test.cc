#include "base/json.h"

#include <gtest/gtest.h>

namespace pylon {
namespace {

Json parsed(std::string_view text) {
  auto json = Json::parse(text);
  EXPECT_TRUE(json) << (json ? "" : json.error().message) << " in " << text;
  return json ? *json : Json();
}

TEST(Json, KeepsTypesAndOrder) {
  Json json = parsed(R"({"b":1,"a":[true,null,2.5,"x"],"c":{}})");
  EXPECT_EQ(json.dump(), R"({"b":1,"a":[true,null,2.5,"x"],"c":{}})");
  EXPECT_TRUE(json.find("b")->is_integer());
  EXPECT_FALSE(json.find("a")->items()[2].is_integer());
  EXPECT_EQ(json.dump_sorted(), R"({"a":[true,null,2.5,"x"],"b":1,"c":{}})");
}

TEST(Json, LargeNumbers) {
  EXPECT_EQ(parsed("9223372036854775807").as_int(), INT64_MAX);
  Json above = parsed("9223372036854775808");
  EXPECT_FALSE(above.is_integer());
  EXPECT_EQ(above.as_double(), 9223372036854775808.0);
  EXPECT_EQ(parsed("1e3").as_int(), 1000);
  EXPECT_EQ(parsed("1.5").as_int(7), 7);
  EXPECT_EQ(parsed("1e300").as_int(7), 7);
}

TEST(Json, NoNegativeZero) { EXPECT_EQ(Json::parse("[-0.0,-0]")->dump(), "[0,0]"); }

TEST(Json, LastOfDuplicateKeysWins) {
  EXPECT_EQ(parsed(R"({"a":1,"b":2,"a":3})").dump(), R"({"a":3,"b":2})");
  std::string many = "{";
  for (int i = 0; i < 40; ++i)
    many += "\"k" + std::to_string(i % 20) + "\":" + std::to_string(i) + ",";
  many.back() = '}';
  Json json = parsed(many);
  EXPECT_EQ(json.size(), 20u);
  EXPECT_EQ(json.find("k3")->as_int(), 23);
  EXPECT_EQ(json.members()[0].first, "k0");
}

TEST(Json, RefusesWhatIsNoJson) {
  for (std::string_view text : {"", " ", "{", "[1,]", "{\"a\"}", "01", "nul", "1 2", "\"\x80\"",
                                "\"a\nb\"", "{'a':1}", "[1]x"}) {
    EXPECT_FALSE(Json::parse(text)) << text;
  }
}

TEST(Json, RefusesDepthAndSize) {
  std::string deep = std::string(200, '[') + std::string(200, ']');
  EXPECT_FALSE(Json::parse(deep));
  EXPECT_FALSE(Json::parse(std::string(1'000'000, '[')));
  EXPECT_TRUE(Json::parse(deep, {.max_depth = 300, .max_bytes = 1000}));
  EXPECT_FALSE(Json::parse("[1,2,3]", {.max_depth = 8, .max_bytes = 6}));
}

TEST(Json, ComparesDeeply) {
  EXPECT_EQ(parsed(R"({"a":1,"b":[1.0]})"), parsed(R"({"b":[1],"a":1})"));
  EXPECT_FALSE(parsed("[1,2]") == parsed("[2,1]"));
  EXPECT_FALSE(parsed(R"({"a":1})") == parsed(R"({"a":1,"b":2})"));
  EXPECT_FALSE(Json("1") == Json(1));
}

TEST(Json, EditsInPlace) {
  Json json;
  json["a"]["b"] = Json(1);
  json["list"].push_back(Json("x"));
  EXPECT_EQ(json.dump(), R"({"a":{"b":1},"list":["x"]})");
  EXPECT_TRUE(json.erase("a"));
  EXPECT_FALSE(json.erase("a"));
  EXPECT_EQ(json.dump(), R"({"list":["x"]})");
}

TEST(Json, EscapesControlCharacters) {
  EXPECT_EQ(Json(std::string("a\"\\\n\t\x01/é")).dump(), R"("a\"\\\n\t\u0001/é")");
  EXPECT_EQ(parsed(Json(std::string("\x7f\b\f\r")).dump()).as_string(), "\x7f\b\f\r");
}

TEST(Json, PrettyForPeople) {
  EXPECT_EQ(parsed(R"({"a":[1,{}],"b":{"c":2}})").dump_pretty(),
            "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": {\n    \"c\": 2\n  }\n}");
}

}  // namespace
}  // namespace pylon
