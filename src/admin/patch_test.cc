#include "admin/patch.h"

#include <gtest/gtest.h>

#include <string>

namespace pylon::admin {
namespace {

std::string merged(const char* value, const char* patch) {
  Json json = *Json::parse(value);
  merge(json, *Json::parse(patch));
  return json.dump();
}

std::string replaced(const char* value, const char* path, const char* by) {
  Json json = *Json::parse(value);
  auto done = replace_at(json, path, *Json::parse(by));
  return done ? json.dump() : done.error().message;
}

TEST(Patch, MergesObjects) {
  EXPECT_EQ(merged(R"({"a":{"b":1,"c":2}})", R"({"a":{"c":3,"d":4}})"),
            R"({"a":{"b":1,"c":3,"d":4}})");
  EXPECT_EQ(merged(R"({"a":1,"b":2})", R"({"a":null,"x":null})"), R"({"b":2})");
  EXPECT_EQ(merged(R"({"a":{"b":1}})", R"({"a":{"b":null}})"), R"({"a":{}})");
}

TEST(Patch, ReplacesEverythingElse) {
  EXPECT_EQ(merged(R"({"a":[1,2]})", R"({"a":[3]})"), R"({"a":[3]})");
  EXPECT_EQ(merged(R"({"a":[1,2]})", R"({"a":{"b":1}})"), R"({"a":{"b":1}})");
  EXPECT_EQ(merged(R"({"a":{"b":1}})", R"({"a":[1]})"), R"({"a":[1]})");
  EXPECT_EQ(merged(R"({"a":{"b":1}})", R"({"a":{}})"), R"({"a":{}})");
  EXPECT_EQ(merged(R"({"a":{"b":1}})", "{}"), R"({"a":{"b":1}})");
}

TEST(Patch, ReplacesAtAPath) {
  EXPECT_EQ(replaced(R"({"a":{"b":1}})", "a/b", "[2]"), R"({"a":{"b":[2]}})");
  EXPECT_EQ(replaced(R"({"a":1})", "x/y/z", "2"), R"({"a":1,"x":{"y":{"z":2}}})");
  EXPECT_EQ(replaced(R"({"a":1})", "a", "null"), R"({"a":null})");
  EXPECT_EQ(replaced(R"({"a":1})", "b/", R"({"c":1})"), R"({"c":1})");
  EXPECT_EQ(replaced(R"({"a":1})", "a/b", "2"), "invalid sub-path: /a");
  EXPECT_EQ(replaced(R"({"a":{"b":[1]}})", "a/b/0", "2"), "invalid sub-path: /a/b");
}

}  // namespace
}  // namespace pylon::admin
