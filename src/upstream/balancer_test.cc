#include "upstream/balancer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "upstream/upstream_fixture_test.h"

namespace pylon::upstream {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

class BalancerTest : public ::testing::Test, protected UpstreamFixture {
 protected:
  std::string pick(const Upstream& upstream, Tried& tried) {
    last = balancer.pick(upstream, exchange, tried);
    return last ? std::string(last.endpoint().text()) : "none";
  }
  std::string pick(const Upstream& upstream) {
    Tried tried;
    return pick(upstream, tried);
  }
  std::map<std::string, int> spread(const Upstream& upstream, int requests) {
    std::map<std::string, int> counts;
    for (int i = 0; i < requests; ++i) {
      ++counts[pick(upstream)];
      balancer.finished(last.ticket, 1000);
    }
    return counts;
  }
  static void set_health(const Upstream& upstream, size_t target, HealthState state) {
    HealthGroup& group = *upstream.health;
    group.set_state(*upstream.targets[target].health, state);
  }

  SimulatedClock clock;
  Arena arena;
  http::Exchange exchange{arena};
  Balancer balancer{clock, 42};
  Pick last;
};

TEST_F(BalancerTest, RoundRobinIsExact) {
  auto upstream = make(R"({"nodes":{"10.0.0.1:80":1,"10.0.0.2:80":2,"10.0.0.3:80":3}})");
  for (int start = 0; start < 7; ++start) {
    EXPECT_THAT(
        spread(*upstream, 600),
        ElementsAre(Pair("10.0.0.1:80", 100), Pair("10.0.0.2:80", 200), Pair("10.0.0.3:80", 300)));
    pick(*upstream);  // so that the next six hundred begin elsewhere in the cycle
  }
}

TEST_F(BalancerTest, RoundRobinDividesByTheGreatestDivisor) {
  auto upstream = make(R"({"nodes":{"10.0.0.1:80":100,"10.0.0.2:80":200}})");
  EXPECT_THAT(spread(*upstream, 3), ElementsAre(Pair("10.0.0.1:80", 1), Pair("10.0.0.2:80", 2)));
}

TEST_F(BalancerTest, NothingToPick) {
  EXPECT_EQ(pick(*make(R"({"nodes":{}})")), "none");
  EXPECT_EQ(pick(*make(R"({"nodes":{"10.0.0.1:80":0}})")), "none");
}

TEST_F(BalancerTest, RetriesGoToOtherNodesUntilNoneIsLeft) {
  for (const char* type : {"roundrobin", "chash", "ewma", "least_conn"}) {
    auto upstream = make(std::string(R"({"key":"remote_addr","type":")") + type +
                         R"(","nodes":{"10.0.0.1:80":1,"10.0.0.2:80":1000000,"10.0.0.3:80":3}})");
    Tried tried;
    std::set<std::string> seen{pick(*upstream, tried), pick(*upstream, tried),
                               pick(*upstream, tried)};
    EXPECT_EQ(seen.size(), 3u) << type;
    EXPECT_EQ(pick(*upstream, tried), "none") << type;
  }
}

TEST_F(BalancerTest, ASingleNodeIsTriedAgain) {
  auto upstream = make(R"({"nodes":{"10.0.0.1:80":1},"retries":3})");
  Tried tried;
  EXPECT_EQ(pick(*upstream, tried), "10.0.0.1:80");
  EXPECT_EQ(pick(*upstream, tried), "10.0.0.1:80");
}

TEST_F(BalancerTest, LowerPrioritiesAreBackups) {
  for (const char* type : {"roundrobin", "chash", "ewma", "least_conn"}) {
    auto upstream = make(std::string(R"({"key":"remote_addr","type":")") + type +
                         R"(","nodes":[{"host":"10.0.0.1","port":80,"weight":1,"priority":-1},
                            {"host":"10.0.0.2","port":80,"weight":1},
                            {"host":"10.0.0.3","port":80,"weight":1}]})");
    EXPECT_EQ(spread(*upstream, 100).count("10.0.0.1:80"), 0u) << type;
    Tried tried;
    pick(*upstream, tried);
    pick(*upstream, tried);
    EXPECT_EQ(pick(*upstream, tried), "10.0.0.1:80") << type;
  }
}

TEST_F(BalancerTest, UnhealthyNodesAreLeftOut) {
  for (const char* type : {"roundrobin", "chash", "ewma", "least_conn"}) {
    auto upstream = make(std::string(R"({"key":"remote_addr","checks":{"active":{}},"type":")") +
                         type + R"(","nodes":{"10.0.0.1:80":1,"10.0.0.2:80":1,"10.0.0.3:80":1}})");
    for (size_t i = 0; i < 3; ++i) set_health(*upstream, i, HealthState::healthy);
    spread(*upstream, 30);
    set_health(*upstream, 0, HealthState::unhealthy);
    EXPECT_EQ(spread(*upstream, 300).count("10.0.0.1:80"), 0u) << type;
    set_health(*upstream, 1, HealthState::unhealthy);
    EXPECT_EQ(spread(*upstream, 10).size(), 1u) << type;
    Tried tried;
    pick(*upstream, tried);
    EXPECT_EQ(pick(*upstream, tried), "none") << type;
    set_health(*upstream, 2, HealthState::unhealthy);
    pick(*upstream, tried = Tried());
    EXPECT_NE(pick(*upstream, tried), "none") << type << ": all unhealthy, so all are used";
  }
}

TEST_F(BalancerTest, RoundRobinStaysExactAmongTheHealthy) {
  auto upstream = make(R"({"checks":{"active":{}},
      "nodes":{"10.0.0.1:80":7,"10.0.0.2:80":1,"10.0.0.3:80":2}})");
  set_health(*upstream, 0, HealthState::unhealthy);
  EXPECT_THAT(spread(*upstream, 300),
              ElementsAre(Pair("10.0.0.2:80", 100), Pair("10.0.0.3:80", 200)));
}

TEST_F(BalancerTest, AddressesOfADomainTakeTurns) {
  names.set("a.test", {"10.0.0.1", "10.0.0.2"});
  auto upstream = make(R"({"nodes":{"a.test:80":1,"10.0.0.9:80":1}})");
  EXPECT_THAT(
      spread(*upstream, 400),
      ElementsAre(Pair("10.0.0.1:80", 100), Pair("10.0.0.2:80", 100), Pair("10.0.0.9:80", 200)));
  EXPECT_EQ(upstream->retries, 2u);
}

TEST_F(BalancerTest, ChashKeepsKeysWhereTheyAre) {
  auto upstream = make(R"({"type":"chash","hash_on":"vars","key":"query_string",
      "checks":{"active":{}},
      "nodes":{"10.0.0.1:80":1,"10.0.0.2:80":1,"10.0.0.3:80":1,"10.0.0.4:80":1}})");
  std::map<int, std::string> owners;
  auto owner = [&](int key) {
    std::string text = "k" + std::to_string(key);
    exchange.request.has_args = true;
    exchange.request.args = text;
    return pick(*upstream);
  };
  for (int key = 0; key < 1000; ++key) owners[key] = owner(key);
  set_health(*upstream, 0, HealthState::unhealthy);
  std::string sick(upstream->targets[0].endpoint->text());
  for (int key = 0; key < 1000; ++key) {
    if (owners[key] == sick) {
      EXPECT_NE(owner(key), sick);
    } else {
      EXPECT_EQ(owner(key), owners[key]);
    }
  }
}

TEST_F(BalancerTest, ChashIsStickyWithinADomain) {
  names.set("a.test", {"10.0.0.1", "10.0.0.2", "10.0.0.3"});
  auto upstream = make(R"({"type":"chash","key":"query_string","nodes":{"a.test:80":1}})");
  std::set<std::string> seen;
  for (int key = 0; key < 50; ++key) {
    std::string text = "k" + std::to_string(key);
    exchange.request.has_args = true;
    exchange.request.args = text;
    std::string first = pick(*upstream);
    EXPECT_EQ(pick(*upstream), first);
    seen.insert(first);
  }
  EXPECT_EQ(seen.size(), 3u);
}

TEST_F(BalancerTest, EwmaPrefersTheFaster) {
  auto upstream = make(R"({"type":"ewma","nodes":{"10.0.0.1:80":1,"10.0.0.2:80":1}})");
  int slow = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string node = pick(*upstream);
    clock.advance_ms(10);
    balancer.finished(last.ticket, node == "10.0.0.1:80" ? 50'000 : 1'000);
    if (node == "10.0.0.1:80") ++slow;
  }
  EXPECT_LT(slow, 200);
  EXPECT_GT(slow, 0);
}

TEST_F(BalancerTest, LeastConnCountsRequestsUnderWay) {
  auto upstream = make(R"({"type":"least_conn","nodes":{"10.0.0.1:80":1,"10.0.0.2:80":2}})");
  std::map<std::string, int> counts;
  std::vector<Ticket> tickets;
  for (int i = 0; i < 30; ++i) {
    ++counts[pick(*upstream)];
    tickets.push_back(last.ticket);
  }
  EXPECT_THAT(counts, ElementsAre(Pair("10.0.0.1:80", 10), Pair("10.0.0.2:80", 20)));
  for (const Ticket& ticket : tickets) balancer.finished(ticket, -1);
  EXPECT_EQ(pick(*upstream), "10.0.0.2:80");
}

TEST_F(BalancerTest, LeastConnCountsSurviveNewVersions) {
  auto first = make(R"({"type":"least_conn","nodes":{"10.0.0.1:80":1,"10.0.0.2:80":1}})");
  std::vector<Ticket> tickets;
  for (int i = 0; i < 10; ++i) {
    pick(*first);
    tickets.push_back(last.ticket);
  }
  // One node leaves with its requests, a new one comes, and the first one comes back.
  auto second =
      make(R"({"type":"least_conn","nodes":{"10.0.0.2:80":1,"10.0.0.3:80":1}})", first.get());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(pick(*second), "10.0.0.3:80");
  auto third =
      make(R"({"type":"least_conn","nodes":{"10.0.0.1:80":1,"10.0.0.4:80":1}})", second.get());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(pick(*third), "10.0.0.4:80");
  for (const Ticket& ticket : tickets) balancer.finished(ticket, -1);
  EXPECT_EQ(pick(*third), "10.0.0.1:80");
}

TEST_F(BalancerTest, ALateTicketOfAnotherUpstreamIsIgnored) {
  auto first = make(R"({"type":"least_conn","nodes":{"10.0.0.1:80":1,"10.0.0.2:80":1}})");
  pick(*first);
  Ticket late = last.ticket;
  first = nullptr;
  auto second = make(R"({"type":"least_conn","nodes":{"10.0.0.1:80":1,"10.0.0.2:80":1}})");
  EXPECT_EQ(second->slot->id().index, late.slot.index);  // the number is used again
  pick(*second);
  pick(*second);
  balancer.finished(late, -1);
  std::map<std::string, int> counts;
  for (int i = 0; i < 4; ++i) ++counts[pick(*second)];
  EXPECT_THAT(counts, ElementsAre(Pair("10.0.0.1:80", 2), Pair("10.0.0.2:80", 2)));
}

TEST_F(BalancerTest, NoMoreThanTheMostAttempts) {
  std::string nodes;
  for (int i = 1; i <= 40; ++i) {
    nodes += (i > 1 ? "," : "") + ("\"10.0.0." + std::to_string(i) + ":80\":1");
  }
  auto upstream = make("{\"nodes\":{" + nodes + "}}");
  Tried tried;
  for (uint32_t i = 0; i < Tried::kMax; ++i) EXPECT_NE(pick(*upstream, tried), "none");
  EXPECT_EQ(pick(*upstream, tried), "none");
}

}  // namespace
}  // namespace pylon::upstream
