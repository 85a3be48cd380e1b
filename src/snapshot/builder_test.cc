#include "snapshot/builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "snapshot/builder_fixture_test.h"

namespace pylon::snapshot {
namespace {

using config::Kind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using upstream::dns::FakeTransport;

class BuilderTest : public testing::Test, protected BuilderFixture {
 protected:
  static std::string to(const std::string& node) {
    return R"("upstream":{"nodes":{")" + node + R"(":1}})";
  }
};

TEST_F(BuilderTest, ARouteComesChangesAndGoes) {
  EXPECT_EQ(target("/a"), "no route");
  EXPECT_TRUE(put(Kind::route, "1", R"({"uri":"/a","name":"first",)" + to("10.0.0.1:80") + "}"));
  EXPECT_EQ(target("/a"), "10.0.0.1:80");
  EXPECT_EQ(route("/a")->name, "first");
  EXPECT_TRUE(put(Kind::route, "1", R"({"uri":"/b",)" + to("10.0.0.2:80") + "}"));
  EXPECT_EQ(target("/a"), "no route");
  EXPECT_EQ(target("/b"), "10.0.0.2:80");
  EXPECT_EQ(route("/b")->slot_id->id().index, 0u);
  EXPECT_TRUE(erase(Kind::route, "1"));
  EXPECT_EQ(target("/b"), "no route");
  EXPECT_FALSE(erase(Kind::route, "1"));
  EXPECT_EQ(snapshot->number, 3u);
}

TEST_F(BuilderTest, OldSnapshotsStayAsTheyAre) {
  put(Kind::route, "1", R"({"uri":"/a",)" + to("10.0.0.1:80") + "}");
  auto old = std::move(snapshot);
  put(Kind::route, "1", R"({"uri":"/a",)" + to("10.0.0.2:80") + "}");
  EXPECT_EQ(target("/a"), "10.0.0.2:80");
  std::swap(old, snapshot);
  EXPECT_EQ(target("/a"), "10.0.0.1:80");
}

TEST_F(BuilderTest, AChangeThatChangesNothingMakesNoSnapshot) {
  EXPECT_TRUE(put(Kind::route, "1", R"({"uri":"/a","plugins":{"mark":{"mark":"x"}}})"));
  EXPECT_FALSE(put(Kind::route, "1", R"({"uri": "/a","plugins":{"mark":{"mark":"x"}}})"));
  EXPECT_FALSE(
      put(Kind::route, "1", R"({"uri":"/a","plugins":{"mark":{"mark":"x"}},"update_time":9})"));
  std::string upstream = R"({"nodes":{"10.0.0.1:80":1}})";
  for (Kind kind : {Kind::upstream, Kind::service, Kind::plugin_config, Kind::global_rule,
                    Kind::consumer_group, Kind::consumer, Kind::plugin_metadata}) {
    std::string text = kind == Kind::upstream   ? upstream
                       : kind == Kind::consumer ? R"({"username":"9"})"
                                                : R"({"id":"9","plugins":{}})";
    if (kind == Kind::service) text = R"({"upstream":)" + upstream + "}";
    put(kind, "9", text);
    EXPECT_FALSE(put(kind, "9", text)) << static_cast<int>(kind);
    erase(kind, "9");
    EXPECT_FALSE(erase(kind, "9")) << static_cast<int>(kind);
  }
}

TEST_F(BuilderTest, AnUnchangedUpstreamKeepsItsState) {
  put(Kind::route, "1", R"({"uri":"/a",)" + to("10.0.0.1:80") + "}");
  const upstream::Upstream* before = snapshot->upstream_of(*route("/a"));
  auto old = std::move(snapshot);
  put(Kind::route, "1", R"({"uri":"/b",)" + to("10.0.0.1:80") + "}");
  EXPECT_EQ(snapshot->upstream_of(*route("/b")), before);
}

TEST_F(BuilderTest, PluginsOfServicePluginConfigAndRoute) {
  put(Kind::service, "s", R"({"plugins":{"mark":{"mark":"s"},"note":{"text":"s"}}})");
  put(Kind::plugin_config, "p", R"({"id":"p","plugins":{"mark":{"mark":"p"}}})");
  put(Kind::route, "1", R"({"uri":"/s","service_id":"s"})");
  put(Kind::route, "2", R"({"uri":"/p","service_id":"s","plugin_config_id":"p"})");
  put(Kind::route, "3", R"({"uri":"/r","service_id":"s","plugin_config_id":"p",
                            "plugins":{"mark":{"mark":"r"}}})");
  EXPECT_EQ(answer("/s"), "s:s");
  EXPECT_EQ(answer("/p"), "s:p");
  EXPECT_EQ(answer("/r"), "s:r");
  put(Kind::service, "s", R"({"plugins":{"note":{"text":"t"}}})");
  EXPECT_EQ(answer("/s"), "t:");
  EXPECT_EQ(answer("/p"), "t:p");
  put(Kind::plugin_config, "p", R"({"id":"p","plugins":{"mark":{"mark":"q"}}})");
  EXPECT_EQ(answer("/p"), "t:q");
  EXPECT_EQ(answer("/r"), "t:r");
}

TEST_F(BuilderTest, RoutesWithTheSamePluginsShareTheChain) {
  put(Kind::service, "s", R"({"plugins":{"mark":{"mark":"s"}}})");
  put(Kind::route, "1", R"({"uri":"/a","service_id":"s"})");
  put(Kind::route, "2", R"({"uri":"/b","service_id":"s"})");
  EXPECT_EQ(route("/a")->chain.get(), route("/b")->chain.get());
}

TEST_F(BuilderTest, WhatIsMissingIsRefusedUntilItComes) {
  put(Kind::route, "1", R"({"uri":"/s","service_id":"s"})");
  put(Kind::route, "2", R"({"uri":"/p","plugin_config_id":"p",)" + to("10.0.0.1:80") + "}");
  put(Kind::route, "3", R"({"uri":"/u","upstream_id":"u"})");
  put(Kind::route, "4", R"({"uri":"/n","plugins":{}})");
  EXPECT_EQ(route("/s")->refusal, 404);
  EXPECT_EQ(route("/p")->refusal, 503);
  EXPECT_EQ(route("/u")->refusal, 0);
  EXPECT_EQ(target("/u"), "502");
  EXPECT_EQ(target("/n"), "503");
  put(Kind::service, "s", "{" + to("10.0.0.3:80") + "}");
  put(Kind::plugin_config, "p", R"({"id":"p","plugins":{}})");
  put(Kind::upstream, "u", R"({"nodes":{"10.0.0.4:80":1}})");
  EXPECT_EQ(route("/s")->refusal, 0);
  EXPECT_EQ(target("/s"), "10.0.0.3:80");
  EXPECT_EQ(route("/p")->refusal, 0);
  EXPECT_EQ(target("/u"), "10.0.0.4:80");
  erase(Kind::service, "s");
  erase(Kind::plugin_config, "p");
  erase(Kind::upstream, "u");
  EXPECT_EQ(route("/s")->refusal, 404);
  EXPECT_EQ(route("/p")->refusal, 503);
  EXPECT_EQ(target("/u"), "502");
}

TEST_F(BuilderTest, WhichUpstreamWins) {
  put(Kind::upstream, "u", R"({"nodes":{"10.0.0.1:80":1}})");
  put(Kind::upstream, "v", R"({"nodes":{"10.0.0.2:80":1}})");
  put(Kind::service, "by_id", R"({"upstream_id":"v",)" + to("10.0.0.9:80") + "}");
  put(Kind::service, "own", "{" + to("10.0.0.3:80") + "}");
  put(Kind::route, "1",
      R"({"uri":"/1","service_id":"own","upstream_id":"u",)" + to("10.0.0.4:80") + "}");
  put(Kind::route, "2", R"({"uri":"/2","service_id":"by_id",)" + to("10.0.0.4:80") + "}");
  put(Kind::route, "3", R"({"uri":"/3","service_id":"by_id"})");
  put(Kind::route, "4", R"({"uri":"/4","service_id":"own"})");
  EXPECT_EQ(target("/1"), "10.0.0.1:80");
  EXPECT_EQ(target("/2"), "10.0.0.4:80");
  EXPECT_EQ(target("/3"), "10.0.0.2:80");
  EXPECT_EQ(target("/4"), "10.0.0.3:80");
}

TEST_F(BuilderTest, ASharedUpstreamChangesAlone) {
  put(Kind::upstream, "u", R"({"nodes":{"10.0.0.1:80":1}})");
  put(Kind::service, "s", "{" + to("10.0.0.2:80") + "}");
  put(Kind::route, "1", R"({"uri":"/u","upstream_id":"u"})");
  put(Kind::route, "2", R"({"uri":"/s","service_id":"s"})");
  const Route* by_id = route("/u");
  const Route* of_service = route("/s");
  auto old = std::move(snapshot);
  put(Kind::upstream, "u", R"({"nodes":{"10.0.0.8:80":1}})");
  put(Kind::service, "s", "{" + to("10.0.0.9:80") + "}");
  EXPECT_EQ(target("/u"), "10.0.0.8:80");
  EXPECT_EQ(target("/s"), "10.0.0.9:80");
  EXPECT_EQ(route("/u"), by_id);
  EXPECT_EQ(route("/s"), of_service);
}

TEST_F(BuilderTest, HostsOfTheServiceUntilTheRouteNamesItsOwn) {
  put(Kind::service, "s", R"({"hosts":["a.test"]})");
  put(Kind::route, "1", R"({"uri":"/x","service_id":"s"})");
  put(Kind::route, "2", R"({"uri":"/y","service_id":"s","host":"b.test"})");
  EXPECT_NE(route("/x", "a.test"), nullptr);
  EXPECT_EQ(route("/x", "b.test"), nullptr);
  EXPECT_NE(route("/y", "b.test"), nullptr);
  put(Kind::service, "s", R"({"hosts":["c.test"]})");
  EXPECT_EQ(route("/x", "a.test"), nullptr);
  EXPECT_NE(route("/x", "c.test"), nullptr);
  EXPECT_EQ(route("/y", "c.test"), nullptr);
  erase(Kind::service, "s");
  EXPECT_NE(route("/x", "any.test"), nullptr);
}

TEST_F(BuilderTest, TimeoutsAndWebsocket) {
  put(Kind::service, "s", R"({"enable_websocket":true,)" + to("10.0.0.1:80") + "}");
  put(Kind::route, "1", R"({"uri":"/a","service_id":"s"})");
  put(Kind::route, "2", R"({"uri":"/b","service_id":"s","enable_websocket":false,
                            "timeout":{"connect":1,"send":2,"read":3}})");
  EXPECT_TRUE(route("/a")->websocket);
  EXPECT_EQ(route("/a")->timeouts, std::nullopt);
  EXPECT_FALSE(route("/b")->websocket);
  EXPECT_EQ(route("/b")->timeouts, (upstream::Timeouts{1000, 2000, 3000}));
}

TEST_F(BuilderTest, SwitchedOffRoutesAreNotServed) {
  put(Kind::route, "1", R"({"uri":"/a","status":0,)" + to("10.0.0.1:80") + "}");
  EXPECT_EQ(target("/a"), "no route");
  put(Kind::route, "1", R"({"uri":"/a",)" + to("10.0.0.1:80") + "}");
  EXPECT_EQ(target("/a"), "10.0.0.1:80");
  put(Kind::route, "1", R"({"uri":"/a","status":0,)" + to("10.0.0.1:80") + "}");
  EXPECT_EQ(target("/a"), "no route");
}

TEST_F(BuilderTest, ABadRouteIsQuarantinedAlone) {
  put(Kind::route, "1", R"({"uri":"/a","plugins":{"mark":{"mark":"good"}}})");
  for (const char* bad : {R"({"uri":"/a","plugins":{"mark":{}}})", R"({"uri":"/a","plug)", "[]",
                          R"({"uri":"/a","vars":[["x","??",1]],"plugins":{}})",
                          R"({"uri":"/a","upstream":{"type":"mine","nodes":{}}})"}) {
    EXPECT_TRUE(apply({{Kind::route, "1", bad, 1},
                       {Kind::route, "2", R"({"uri":"/b","plugins":{"mark":{"mark":"b"}}})", 2}}))
        << bad;
    EXPECT_EQ(answer("/a"), ":good") << bad;
    EXPECT_EQ(answer("/b"), ":b") << bad;
    EXPECT_THAT(quarantined(), ElementsAre(HasSubstr("1: "))) << bad;
    erase(Kind::route, "2");
  }
  EXPECT_FALSE(put(Kind::route, "1", R"({"uri":"/a","plugins":{"mark":{"mark":"good"}}})"));
  EXPECT_THAT(quarantined(), IsEmpty());
}

TEST_F(BuilderTest, BadOnesOfEveryKindKeepTheirLastGoodVersion) {
  put(Kind::service, "s", R"({"plugins":{"mark":{"mark":"s"}}})");
  put(Kind::upstream, "u", R"({"nodes":{"10.0.0.1:80":1}})");
  put(Kind::plugin_config, "p", R"({"id":"p","plugins":{"note":{"text":"p"}}})");
  put(Kind::route, "1",
      R"({"uri":"/a","service_id":"s","upstream_id":"u","plugin_config_id":"p"})");
  put(Kind::service, "s", R"({"plugins":{"mark":{"mark":5}}})");
  put(Kind::upstream, "u", R"({"nodes":"x"})");
  put(Kind::plugin_config, "p", R"({"id":"p","plugins":{"note":{"text":5}}})");
  put(Kind::consumer, "c", R"({"username":"c","plugins":{"key":{}}})");
  put(Kind::global_rule, "g", R"({"id":"g","plugins":{"mark":{}}})");
  EXPECT_EQ(quarantined().size(), 5u);
  EXPECT_EQ(answer("/a"), "p:s");
  EXPECT_EQ(target("/a"), "10.0.0.1:80");
  for (auto [kind, id] : {std::pair{Kind::service, "s"},
                          {Kind::upstream, "u"},
                          {Kind::plugin_config, "p"},
                          {Kind::consumer, "c"},
                          {Kind::global_rule, "g"}}) {
    erase(kind, id);
  }
  EXPECT_THAT(quarantined(), IsEmpty());
}

TEST_F(BuilderTest, GlobalRules) {
  put(Kind::global_rule, "1", R"({"id":"1","plugins":{"note":{"text":"g"}}})");
  put(Kind::global_rule, "2", R"({"id":"2","plugins":{"mark":{"mark":"m"}}})");
  route("/a");
  EXPECT_EQ(run(snapshot->global_rules->chain()), "g:m");
  // The same plugin twice: it runs in neither.
  put(Kind::global_rule, "3", R"({"id":"3","plugins":{"note":{"text":"h"}}})");
  route("/a");
  EXPECT_EQ(run(snapshot->global_rules->chain()), ":m");
  erase(Kind::global_rule, "1");
  route("/a");
  EXPECT_EQ(run(snapshot->global_rules->chain()), "h:m");
}

TEST_F(BuilderTest, OlderRoutesWinAmongEqualsAlsoAfterAChange) {
  put(Kind::route, "b", R"({"uri":"/a","name":"older","plugins":{}})");
  put(Kind::route, "a", R"({"uri":"/a","name":"newer","plugins":{}})");
  EXPECT_EQ(route("/a")->name, "older");
  apply({{Kind::route, "b", R"({"uri":"/a","name":"older still","plugins":{}})", 1}});
  EXPECT_EQ(route("/a")->name, "older still");
}

TEST_F(BuilderTest, OneBatchInAnyOrder) {
  apply({{Kind::route, "1", R"({"uri":"/a","service_id":"s","plugin_config_id":"p"})", 1},
         {Kind::service, "s", R"({"upstream_id":"u","hosts":["a.test"]})", 2},
         {Kind::plugin_config, "p", R"({"id":"p","plugins":{"mark":{"mark":"p"}}})", 3},
         {Kind::upstream, "u", R"({"nodes":{"10.0.0.1:80":1}})", 4}});
  EXPECT_EQ(snapshot->number, 1u);
  const Route* found = route("/a", "a.test");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->refusal, 0);
  EXPECT_EQ(snapshot->upstream_of(*found)->targets[0].endpoint->text(), "10.0.0.1:80");
  apply({{Kind::upstream, "u", "", 0},
         {Kind::plugin_config, "p", "", 0},
         {Kind::service, "s", "", 0},
         {Kind::route, "1", "", 0}});
  EXPECT_EQ(route("/a", "a.test"), nullptr);
  EXPECT_TRUE(snapshot->routes.empty());
  EXPECT_TRUE(snapshot->upstreams.empty());
}

TEST_F(BuilderTest, NamesAreResolvedAndFollowed) {
  dns.answers["udp A a.test"] = FakeTransport::addresses({"10.0.0.1"}, 10);
  std::string node = R"({"nodes":{"a.test:80":1}})";
  put(Kind::route, "1", R"({"uri":"/r","upstream":)" + node + "}");
  put(Kind::service, "s", R"({"upstream":)" + node + "}");
  put(Kind::route, "2", R"({"uri":"/s","service_id":"s"})");
  put(Kind::upstream, "u", node);
  put(Kind::route, "3", R"({"uri":"/u","upstream_id":"u"})");
  EXPECT_EQ(target("/r"), "empty");
  pass_ms(0);
  for (const char* uri : {"/r", "/s", "/u"}) EXPECT_EQ(target(uri), "10.0.0.1:80");
  dns.answers["udp A a.test"] = FakeTransport::addresses({"10.0.0.2"}, 10);
  pass_ms(10'000);
  for (const char* uri : {"/r", "/s", "/u"}) EXPECT_EQ(target(uri), "10.0.0.2:80");
  EXPECT_EQ(names.size(), 1u);
  for (const char* id : {"1", "2", "3"}) erase(Kind::route, id);
  erase(Kind::service, "s");
  erase(Kind::upstream, "u");
  EXPECT_EQ(names.size(), 0u);
}

TEST_F(BuilderTest, ARejectedVersionWatchesNoNames) {
  put(Kind::route, "1",
      R"({"uri":"/r","vars":[["x","??",1]],"upstream":{"nodes":{"a.test:80":1}}})");
  EXPECT_EQ(names.size(), 0u);
}

TEST_F(BuilderTest, ConsumersAreFoundByTheirKeys) {
  put(Kind::consumer, "bob", R"({"username":"bob","labels":{"custom_id":"7"},
      "plugins":{"key":{"key":"k1"},"mark":{"mark":"b"}}})");
  const config::Credential* found = snapshot->credentials.find("key", "k1");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->consumer->name, "bob");
  EXPECT_EQ(found->consumer->custom_id, "7");
  ASSERT_NE(found->consumer->plugins, nullptr);
  EXPECT_EQ(found->consumer->plugins->items().size(), 1u);
  EXPECT_NE(snapshot->credentials.find_consumer("bob"), nullptr);
  put(Kind::consumer, "bob", R"({"username":"bob","plugins":{"key":{"key":"k2"}}})");
  EXPECT_EQ(snapshot->credentials.find("key", "k1"), nullptr);
  EXPECT_NE(snapshot->credentials.find("key", "k2"), nullptr);
  erase(Kind::consumer, "bob");
  EXPECT_EQ(snapshot->credentials.size(), 0u);
  EXPECT_EQ(snapshot->credentials.find_consumer("bob"), nullptr);
}

TEST_F(BuilderTest, CredentialsWaitForTheirConsumer) {
  put(Kind::credential, "bob/credentials/c1", R"({"plugins":{"key":{"key":"k1"}}})");
  EXPECT_EQ(snapshot->credentials.find("key", "k1"), nullptr);
  put(Kind::consumer, "bob", R"({"username":"bob","group_id":"g"})");
  const config::Credential* found = snapshot->credentials.find("key", "k1");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->id, "c1");
  EXPECT_EQ(found->consumer->group_id, "g");
  put(Kind::credential, "bob/credentials/c1", R"({"plugins":{"key":{"key":"k9"}}})");
  EXPECT_EQ(snapshot->credentials.find("key", "k1"), nullptr);
  EXPECT_NE(snapshot->credentials.find("key", "k9"), nullptr);
  erase(Kind::consumer, "bob");
  EXPECT_EQ(snapshot->credentials.find("key", "k9"), nullptr);
  erase(Kind::credential, "bob/credentials/c1");
  put(Kind::consumer, "bob", R"({"username":"bob"})");
  EXPECT_EQ(snapshot->credentials.find("key", "k9"), nullptr);
  put(Kind::credential, "nobody", R"({"plugins":{}})");
  EXPECT_THAT(quarantined(), ElementsAre("nobody: a credential without consumer"));
}

TEST_F(BuilderTest, ConsumerGroups) {
  put(Kind::consumer_group, "g", R"({"id":"g","plugins":{"mark":{"mark":"g"}}})");
  ASSERT_NE(snapshot->consumer_groups.find("g"), nullptr);
  EXPECT_EQ((*snapshot->consumer_groups.find("g"))->items().size(), 1u);
  erase(Kind::consumer_group, "g");
  EXPECT_EQ(snapshot->consumer_groups.find("g"), nullptr);
}

TEST_F(BuilderTest, SnapshotsMayOutliveTheirBuilder) {
  std::unique_ptr<const Snapshot> kept;
  {
    BuilderFixture gone;
    gone.put(Kind::route, "1", R"({"uri":"/a",)" + to("10.0.0.1:80") + "}");
    kept = std::move(gone.snapshot);
  }
  EXPECT_EQ(kept->routes.size(), 1u);
}

}  // namespace
}  // namespace pylon::snapshot
