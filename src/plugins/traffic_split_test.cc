#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "plugin/fixture.h"
#include "plugins/all.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using testing::HasSubstr;

class TrafficSplitTest : public testing::Test {
 protected:
  // How often each upstream was chosen; "": the route's.
  std::map<std::string, int> spread(const PluginSet& set, int count, std::string_view target) {
    std::map<std::string, int> chosen;
    for (int i = 0; i < count; i++) {
      TestExchange test(fixture_, target);
      EXPECT_TRUE(test.run(set).proceeds());
      chosen[name_of(test.exchange.chosen_upstream)]++;
    }
    return chosen;
  }
  // The name among those that the tests use.
  std::string name_of(uint32_t slot) {
    for (const char* name : {"a", "b", "/apisix/routes/1#0.1"}) {
      auto known = fixture_.services.upstreams().slot_of(name);
      if (known && known->id().index == slot) return name;
    }
    return slot == http::kNoUpstream ? "" : "?";
  }
  Fixture fixture_{all_plugins()};
};

TEST_F(TrafficSplitTest, SharesAreExact) {
  auto set = fixture_.plugins(
      R"({"traffic-split":{"rules":[{"weighted_upstreams":[{"upstream_id":"a","weight":3},
          {"upstream":{"type":"roundrobin","nodes":{"127.0.0.1:1":1}},"weight":2},
          {"weight":5}]}]}})");
  auto chosen = spread(*set, 100, "/");
  EXPECT_EQ(chosen["a"], 30);
  EXPECT_EQ(chosen["/apisix/routes/1#0.1"], 20);
  EXPECT_EQ(chosen[""], 50);
}

TEST_F(TrafficSplitTest, TheFirstRuleThatMatchesDecides) {
  auto set = fixture_.plugins(
      R"({"traffic-split":{"rules":[
          {"match":[{"vars":[["arg_v","==","1"]]},{"vars":[["arg_v","==","2"]]}],
           "weighted_upstreams":[{"upstream_id":"a"}]},
          {"match":[{"vars":[["arg_v","==","3"]]}],
           "weighted_upstreams":[{"upstream_id":"b"},{"weight":0}]}]}})");
  EXPECT_EQ(spread(*set, 4, "/?v=1")["a"], 4);
  EXPECT_EQ(spread(*set, 4, "/?v=2")["a"], 4);
  EXPECT_EQ(spread(*set, 4, "/?v=3")["b"], 4);
  EXPECT_EQ(spread(*set, 4, "/?v=4")[""], 4);
}

TEST_F(TrafficSplitTest, ASlotIsTheNamesWhateverComesFirst) {
  UpstreamNames& names = fixture_.services.upstreams();
  auto first = make_ref<const upstream::SharedId>(names.ids());
  names.add("a", first);
  auto set = fixture_.plugins(
      R"({"traffic-split":{"rules":[{"weighted_upstreams":[{"upstream_id":"a"},
          {"upstream_id":"b"}]}]}})");
  EXPECT_EQ(names.slot_of("a").get(), first.get());
  auto later = names.slot_of("b");
  ASSERT_TRUE(later);
  names.add("b", later);
  names.remove("b");
  EXPECT_EQ(names.slot_of("b").get(), later.get());
  names.remove("a");
  set = {};
  EXPECT_FALSE(names.slot_of("a"));
  EXPECT_FALSE(names.slot_of("b"));
}

TEST_F(TrafficSplitTest, WrongConfigurationsAreRefused) {
  EXPECT_THAT(
      fixture_.check("traffic-split", R"({"rules":[{"match":[{"vars":[["arg_v","=","1"]]}]}]})"),
      HasSubstr("failed to validate the 'vars' expression: invalid operator '='"));
  EXPECT_THAT(
      fixture_.check("traffic-split", R"({"rules":[{"weighted_upstreams":[{"weight":-1}]}]})"),
      HasSubstr("property \"weight\" validation failed"));
  EXPECT_EQ(fixture_.check("traffic-split", "{}"), "");
}

}  // namespace
}  // namespace pylon::plugins
