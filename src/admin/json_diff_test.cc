#include "admin/json_diff.h"

#include <gtest/gtest.h>

namespace pylon::admin {
namespace {

std::vector<std::string> told(const char* before, const char* after) {
  Json a = *Json::parse(before);
  Json b = *Json::parse(after);
  std::vector<std::string> lines;
  for (const FieldDifference& one : differences(a, b)) {
    lines.push_back(one.path + " " + (one.before != nullptr ? one.before->dump() : "-") + " " +
                    (one.after != nullptr ? one.after->dump() : "-"));
  }
  return lines;
}

using Lines = std::vector<std::string>;

TEST(JsonDiffTest, TellsFieldsByTheirPaths) {
  EXPECT_EQ(told(R"({"a":1,"b":{"c":[1,2]}})", R"({"b":{"c":[1,2]},"a":1})"), Lines{});
  EXPECT_EQ(told(R"({"a":1,"b":{"c":[1,2]}})", R"({"b":{"c":[1,3]},"d":{}})"),
            (Lines{"/a 1 -", "/b/c/1 2 3", "/d - {}"}));
  EXPECT_EQ(told(R"({"a/b":{"~":1}})", R"({"a/b":{"~":2}})"), (Lines{"/a~1b/~0 1 2"}));
  EXPECT_EQ(told("[1]", "[1,2]"), (Lines{" [1] [1,2]"}));
  EXPECT_EQ(told(R"({"a":[]})", R"({"a":{}})"), (Lines{"/a [] {}"}));
}

}  // namespace
}  // namespace pylon::admin
