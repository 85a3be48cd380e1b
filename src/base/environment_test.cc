#include "base/environment.h"

#include <gtest/gtest.h>

#include <map>

namespace pylon {
namespace {

Environment environment_of(std::map<std::string, std::string> variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

TEST(EnvironmentTest, SubstitutesValuesAndDefaults) {
  Environment environment = environment_of({{"A", "1"}, {"EMPTY", ""}});
  EXPECT_EQ(substitute("x${{A}}y${{ A }}", environment).text, "x1y1");
  EXPECT_EQ(substitute("${{B:= two }}", environment).text, "two");
  EXPECT_EQ(substitute("${{A:=two}}${{EMPTY:=two}}", environment).text, "1");
  EXPECT_EQ(substitute("${{B}}", environment).missing, "B");
  EXPECT_TRUE(substitute("${{A}}", environment).any);
}

TEST(EnvironmentTest, LeavesAloneWhatOnlyLooksLikeAVariable) {
  Environment environment = environment_of({{"A", "1"}});
  for (std::string_view text : {"${A}", "${{", "${{}}", "${{A", "${{A-B}}", "$A", ""}) {
    Substituted done = substitute(text, environment);
    EXPECT_EQ(done.text, text);
    EXPECT_FALSE(done.any);
  }
}

TEST(EnvironmentTest, SubstitutesInParsedValues) {
  Environment environment = environment_of({{"PORT", "80"}, {"ON", "true"}, {"NAME", "n"}});
  auto value = Json::parse(R"({"${{NAME}}": ["${{PORT}}", "${{ON}}", "p${{PORT}}"], "x": 1})");
  EXPECT_FALSE(substitute_in(*value, environment));
  EXPECT_EQ(value->dump(), R"({"n":[80,true,"p80"],"x":1})");
  auto missing = Json::parse(R"({"a": {"b": ["${{NOPE}}"]}})");
  EXPECT_EQ(substitute_in(*missing, environment), "NOPE");
}

}  // namespace
}  // namespace pylon
