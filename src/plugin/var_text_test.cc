#include "plugin/var_text.h"

#include <gtest/gtest.h>

#include "plugin/fixture.h"

namespace pylon::plugin {
namespace {

class VarTextTest : public testing::Test {
 protected:
  VarTextTest() : test_(fixture_, "/hello?user=ann") {}
  std::string render(std::string_view text) {
    return std::string(VarText(text).text(test_.exchange));
  }
  Fixture fixture_{{}};
  TestExchange test_;
};

TEST_F(VarTextTest, ResolvesAsApisixDoes) {
  EXPECT_EQ(render("plain"), "plain");
  EXPECT_EQ(render(""), "");
  EXPECT_EQ(render("$uri"), "/hello");
  EXPECT_EQ(render("a$uri-b"), "a/hello-b");
  EXPECT_EQ(render("${uri}x${ arg_user }"), "/helloxann");
  EXPECT_EQ(render("[$arg_none]"), "[]");
  EXPECT_EQ(render("${arg_none ?? nobody}/${arg_user??x}"), "nobody/ann");
  EXPECT_EQ(render("\\$uri costs 5$ ${} ${unclosed"), "\\$uri costs 5$ ${} ${unclosed");
}

TEST_F(VarTextTest, CountsWhatItResolved) {
  EXPECT_EQ(VarText("$arg_none-$arg_none").render(test_.exchange).resolved, 0u);
  EXPECT_EQ(VarText("$arg_user-${arg_none ?? 1}").render(test_.exchange).resolved, 2u);
  EXPECT_EQ(VarText("constant").render(test_.exchange).resolved, 0u);
}

TEST_F(VarTextTest, CapturesAreGroups) {
  Captures captures;
  captures.groups[0] = "/x/y";
  captures.groups[1] = "$uri";
  captures.groups[2] = "y";
  captures.count = 3;
  VarText text("$1-${2}x-$3-$uri", true);
  EXPECT_EQ(text.render(test_.exchange, &captures).text, "$uri-yx--/hello");
  EXPECT_EQ(text.render(test_.exchange).text, "-x--/hello");
  EXPECT_EQ(VarText("$1").text(test_.exchange), "");
}

TEST_F(VarTextTest, ValuesMayBeEscaped) {
  auto escape = [](std::string_view value, Arena& arena) { return arena.join("<", value, ">"); };
  EXPECT_EQ(VarText("-$arg_user-").render(test_.exchange, nullptr, escape).text, "-<ann>-");
}

}  // namespace
}  // namespace pylon::plugin
