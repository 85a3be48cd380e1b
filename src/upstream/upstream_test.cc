#include "upstream/upstream.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "upstream/upstream_fixture_test.h"

namespace pylon::upstream {
namespace {

using ::testing::ElementsAre;

class UpstreamTest : public ::testing::Test, protected UpstreamFixture {
 protected:
  static std::vector<std::string> targets(const Upstream& upstream) {
    std::vector<std::string> texts;
    for (const Target& target : upstream.targets) texts.emplace_back(target.endpoint->text());
    return texts;
  }
};

TEST_F(UpstreamTest, NodesByPriorityThenWeight) {
  auto upstream = make(R"({"nodes":[
      {"host":"10.0.0.1","port":1,"weight":1},
      {"host":"10.0.0.2","port":2,"weight":5,"priority":-1},
      {"host":"10.0.0.3","port":3,"weight":0},
      {"host":"10.0.0.4","port":4,"weight":7},
      {"host":"10.0.0.5","port":5,"weight":1,"priority":10}]})");
  EXPECT_THAT(targets(*upstream),
              ElementsAre("10.0.0.5:5", "10.0.0.4:4", "10.0.0.1:1", "10.0.0.2:2"));
  ASSERT_EQ(upstream->groups.size(), 3u);
  EXPECT_EQ(upstream->groups[1].first_node, 1u);
  EXPECT_EQ(upstream->groups[1].node_count, 2u);
  EXPECT_EQ(upstream->retries, 3u);
}

TEST_F(UpstreamTest, NodesAsMap) {
  auto upstream = make(R"({"nodes":{"10.0.0.1:8080":1,"10.0.0.2":1,"[::1]:81":1}})");
  EXPECT_THAT(targets(*upstream), ElementsAre("10.0.0.1:8080", "10.0.0.2:80", "[::1]:81"));
  EXPECT_EQ(upstream->nodes[0].host_field, "10.0.0.1:8080");
  EXPECT_EQ(upstream->nodes[1].host_field, "10.0.0.2");
  EXPECT_EQ(upstream->nodes[2].host_field, "[::1]:81");
}

TEST_F(UpstreamTest, DefaultsAndLimits) {
  auto plain = make(R"({"nodes":{"10.0.0.1:80":1}})");
  EXPECT_EQ(plain->timeouts, Timeouts());
  EXPECT_EQ(plain->retries, 0u);
  EXPECT_EQ(plain->keepalive, Keepalive());
  EXPECT_EQ(plain->pass_host, config::PassHost::pass);
  auto given = make(R"({"nodes":{"10.0.0.1:80":1},"retries":4,"retry_timeout":0.5,
      "timeout":{"connect":0.25,"send":1,"read":1e300},
      "pass_host":"rewrite","upstream_host":"a.test",
      "keepalive_pool":{"size":7,"idle_timeout":0,"requests":9}})");
  EXPECT_EQ(given->timeouts.connect_ms, 250);
  EXPECT_EQ(given->timeouts.send_ms, 1000);
  EXPECT_GT(given->timeouts.read_ms, 0);
  EXPECT_EQ(given->retries, 4u);
  auto endless = make(R"({"nodes":{"10.0.0.1:80":1},"retries":1000000000})");
  EXPECT_EQ(endless->retries, 100u);
  EXPECT_EQ(given->retry_timeout_ms, 500);
  EXPECT_EQ(given->keepalive, (Keepalive{7, 0, 9}));
  EXPECT_EQ(given->upstream_host, "a.test");
}

TEST_F(UpstreamTest, SchemeGivesThePort) {
  auto upstream = make(R"({"scheme":"https","nodes":[{"host":"10.0.0.1","weight":1}]})");
  EXPECT_THAT(targets(*upstream), ElementsAre("10.0.0.1:443"));
  EXPECT_TRUE(upstream->targets[0].endpoint->identity().tls.enabled);
  EXPECT_EQ(upstream->nodes[0].host_field, "10.0.0.1");
  EXPECT_EQ(scheme_name(upstream->scheme), "https");
}

TEST_F(UpstreamTest, DomainNodesHaveATargetPerAddress) {
  names.set("a.test", {"10.0.0.1", "10.0.0.2"});
  std::string_view json = R"({"nodes":{"a.test:8080":1,"b.test:80":1,"a.test:81":1}})";
  auto upstream = make(json);
  EXPECT_THAT(targets(*upstream),
              ElementsAre("10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.1:81", "10.0.0.2:81"));
  EXPECT_EQ(upstream->nodes.size(), 2u);
  EXPECT_EQ(upstream->nodes[0].host, "a.test");
  EXPECT_EQ(upstream->nodes[0].host_field, "a.test:8080");
  EXPECT_TRUE(upstream->has_domain);
  EXPECT_FALSE(upstream->one_address_per_node);
  auto parsed = config::parse_upstream(Json::parse(json).value());
  EXPECT_THAT(domains_of(*parsed), ElementsAre("a.test", "b.test"));
}

TEST_F(UpstreamTest, NothingToChooseFrom) {
  EXPECT_TRUE(make(R"({"nodes":{}})")->empty());
  EXPECT_TRUE(make(R"({"nodes":{"10.0.0.1:80":0}})")->empty());
  EXPECT_TRUE(make(R"({"nodes":{"unknown.test:80":1}})")->empty());
  EXPECT_TRUE(make(R"({"service_name":"x","discovery_type":"dns"})")->empty());
}

TEST_F(UpstreamTest, VersionsShareSlotEndpointsAndHealth) {
  auto first = make(R"({"nodes":{"10.0.0.1:80":1},"checks":{"active":{}}})");
  auto second =
      make(R"({"nodes":{"10.0.0.1:80":2,"10.0.0.2:80":1},"checks":{"active":{}}})", first.get());
  EXPECT_EQ(first->slot.get(), second->slot.get());
  EXPECT_NE(first->serial, second->serial);
  EXPECT_EQ(first->targets[0].endpoint.get(), second->targets[0].endpoint.get());
  EXPECT_EQ(first->targets[0].health.get(), second->targets[0].health.get());
  EXPECT_EQ(first->health.get(), second->health.get());
  auto other = make(R"({"nodes":{"10.0.0.1:80":1}})");
  EXPECT_NE(other->slot->id().index, first->slot->id().index);
  EXPECT_FALSE(other->health);
}

TEST_F(UpstreamTest, HealthOfNodesThatHaveLeftIsForgotten) {
  Ref<const Upstream> held;
  for (std::string_view node : {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"}) {
    held = make(fmt::format(R"({{"nodes":{{"{}:80":1}},"checks":{{"active":{{}}}}}})", node),
                held.get());
  }
  EXPECT_EQ(held->health->size(), 2u);  // the version before was held when the last was compiled
}

TEST_F(UpstreamTest, UnknownTypeIsAnError) {
  auto made = try_make(R"({"nodes":{"10.0.0.1:80":1},"type":"mine"})");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message, "invalid balancer type: mine");
}

TEST(Health, VersionRisesOnlyWhenUseChanges) {
  HealthTable table;
  auto group = table.group("u");
  auto cell = group->cell("10.0.0.1:80", "10.0.0.1");
  uint32_t version = group->version();
  group->set_state(*cell, HealthState::mostly_healthy);
  EXPECT_EQ(group->version(), version);
  EXPECT_TRUE(cell->usable());
  group->set_state(*cell, HealthState::unhealthy);
  EXPECT_EQ(group->version(), version + 1);
  EXPECT_FALSE(cell->usable());
  EXPECT_EQ(group->cell("10.0.0.1:80", "10.0.0.1")->state(), HealthState::unhealthy);
  cell = nullptr;
  group->prune();
  EXPECT_EQ(group->size(), 0u);
  table.forget("u");
  EXPECT_EQ(table.size(), 0u);
}

}  // namespace
}  // namespace pylon::upstream
