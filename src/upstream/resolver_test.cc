#include "upstream/resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "upstream/fake_transport_test.h"

namespace pylon::upstream {
namespace {

using dns::FakeTransport;
using dns::Outcome;
using dns::Resolved;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> texts(const Resolved& resolved) {
  std::vector<std::string> out;
  for (const IpAddress& address : resolved.addresses) out.push_back(address.to_string());
  return out;
}

class ResolverTest : public ::testing::Test {
 protected:
  ResolverTest() {
    config.servers = {*dns::parse_server("10.0.0.1"), *dns::parse_server("10.0.0.2")};
  }

  Resolver& resolver() {
    if (resolver_ == nullptr) resolver_ = std::make_unique<Resolver>(config, net, clock, 3);
    return *resolver_;
  }
  std::vector<std::string> look_up(const std::string& host) {
    return texts(resolver().resolve(host).run_to_end());
  }

  dns::Config config;
  FakeTransport net;
  SimulatedClock clock;
  std::unique_ptr<Resolver> resolver_;
};

TEST_F(ResolverTest, CachesForTheTtl) {
  net.answers["udp A www.test"] = FakeTransport::addresses({"1.1.1.1", "1.1.1.2"}, 30);
  EXPECT_THAT(look_up("www.test"), ElementsAre("1.1.1.1", "1.1.1.2"));
  clock.advance_ms(29'999);
  look_up("www.test");
  EXPECT_EQ(net.log.size(), 1u);
  clock.advance_ms(1);
  look_up("www.test");
  EXPECT_EQ(net.log.size(), 2u);
  EXPECT_EQ(resolver().cache().hits(), 1u);
}

TEST_F(ResolverTest, ValidOverridesTheTtlAndBoundsHold) {
  config.valid_s = 5;
  net.answers["udp A www.test"] = FakeTransport::addresses({"1.1.1.1"}, 900);
  EXPECT_EQ(resolver().resolve("www.test").run_to_end().good_until_us,
            clock.monotonic_us() + 5'000'000);
  config.valid_s.reset();
  resolver_ = nullptr;
  for (auto [ttl_s, kept_s] : {std::pair<uint32_t, int64_t>{0, 1}, {1u << 30, 3600}}) {
    net.answers["udp A www.test"] = FakeTransport::addresses({"1.1.1.1"}, ttl_s);
    EXPECT_EQ(resolver().refresh("www.test").run_to_end().good_until_us,
              clock.monotonic_us() + kept_s * 1'000'000);
  }
}

TEST_F(ResolverTest, LiteralAddressesAndHostsAskNobody) {
  dns::read_hosts("127.0.0.1 box\n::1 box six\n", config);
  EXPECT_THAT(look_up("10.1.1.1"), ElementsAre("10.1.1.1"));
  EXPECT_THAT(look_up("2001:db8::1"), ElementsAre("2001:db8::1"));
  EXPECT_THAT(look_up("BOX."), ElementsAre("127.0.0.1"));
  EXPECT_THAT(look_up("six"), ElementsAre("::1"));
  EXPECT_THAT(look_up("not a name"), IsEmpty());
  EXPECT_THAT(look_up(""), IsEmpty());
  EXPECT_THAT(net.log, IsEmpty());
  config.enable_ipv6 = false;
  resolver_ = nullptr;
  EXPECT_THAT(look_up("six"), IsEmpty());
}

TEST_F(ResolverTest, Ipv6OnlyWhenThereIsNoIpv4) {
  net.answers["udp A www.test"] = FakeTransport::outcome(Outcome::no_data, 10);
  net.answers["udp AAAA www.test"] = FakeTransport::addresses({"2001:db8::7"});
  EXPECT_THAT(look_up("www.test"), ElementsAre("2001:db8::7"));
  config.enable_ipv6 = false;
  resolver_ = nullptr;
  EXPECT_THAT(look_up("www.test"), IsEmpty());
}

TEST_F(ResolverTest, SearchList) {
  config.search = {"a.test", "b.test"};
  net.answers["udp A web.b.test"] = FakeTransport::addresses({"1.1.1.1"});
  EXPECT_THAT(look_up("web"), ElementsAre("1.1.1.1"));
  EXPECT_THAT(net.log, ElementsAre("10.0.0.1 udp A web.a.test", "10.0.0.1 udp A web.b.test"));
}

TEST_F(ResolverTest, ServerTroubleEndsTheSearch) {
  config.search = {"a.test"};
  config.rounds = 1;
  net.answers["udp A web.a.test"] = FakeTransport::outcome(Outcome::refused);
  net.answers["udp A web"] = FakeTransport::addresses({"6.6.6.6"});
  EXPECT_THAT(look_up("web"), IsEmpty());  // the name might exist where nobody answered
}

TEST_F(ResolverTest, TheNextServerIsAsked) {
  net.answers["10.0.0.1 udp A www.test"] = FakeTransport::outcome(Outcome::no_answer);
  net.answers["10.0.0.2 udp A www.test"] = FakeTransport::addresses({"1.1.1.1"});
  EXPECT_THAT(look_up("www.test"), ElementsAre("1.1.1.1"));
  EXPECT_THAT(net.log, ElementsAre("10.0.0.1 udp A www.test", "10.0.0.2 udp A www.test"));
}

TEST_F(ResolverTest, NoServerNoAnswer) {
  config.servers.clear();
  EXPECT_THAT(look_up("www.test"), IsEmpty());
}

TEST_F(ResolverTest, TcpWhenTheAnswerWasCut) {
  net.answers["udp A www.test"] = FakeTransport::outcome(Outcome::truncated);
  net.answers["tcp A www.test"] = FakeTransport::addresses({"1.1.1.1"});
  EXPECT_THAT(look_up("www.test"), ElementsAre("1.1.1.1"));
  net.answers["tcp A cut.test"] = FakeTransport::outcome(Outcome::truncated);
  net.answers["udp A cut.test"] = FakeTransport::outcome(Outcome::truncated);
  EXPECT_THAT(look_up("cut.test"), IsEmpty());
}

TEST_F(ResolverTest, FollowsAliasesUpToALimit) {
  net.answers["udp A www.test"] = FakeTransport::alias("b.test", 5);
  net.answers["udp A b.test"] = FakeTransport::addresses({"1.1.1.1"}, 50);
  Resolved resolved = resolver().resolve("www.test").run_to_end();
  EXPECT_THAT(texts(resolved), ElementsAre("1.1.1.1"));
  EXPECT_EQ(resolved.good_until_us, clock.monotonic_us() + 5'000'000);
  net.answers["udp A loop.test"] = FakeTransport::alias("loop.test");
  EXPECT_THAT(look_up("loop.test"), IsEmpty());
  EXPECT_LT(net.log.size(), 20u);
}

TEST_F(ResolverTest, TheLastGoodAnswerStays) {
  net.answers["udp A www.test"] = FakeTransport::addresses({"1.1.1.1"}, 10);
  look_up("www.test");
  net.answers.clear();
  clock.advance_ms(10'000);
  Resolved resolved = resolver().resolve("www.test").run_to_end();
  EXPECT_THAT(texts(resolved), ElementsAre("1.1.1.1"));
  EXPECT_TRUE(resolved.stale);
  net.answers["udp A www.test"] = FakeTransport::addresses({"1.1.1.9"}, 10);
  clock.advance_ms(Resolver::kMaxNegativeTtlS * 1000);
  EXPECT_THAT(look_up("www.test"), ElementsAre("1.1.1.9"));
}

TEST_F(ResolverTest, NegativeAnswersAreKeptForAWhile) {
  net.answers["udp A no.test"] = FakeTransport::outcome(Outcome::no_name, 3600);
  EXPECT_THAT(look_up("no.test"), IsEmpty());
  clock.advance_ms(Resolver::kMaxNegativeTtlS * 1000 - 1);
  look_up("no.test");
  EXPECT_EQ(net.log.size(), 1u);
  clock.advance_ms(1);
  look_up("no.test");
  EXPECT_EQ(net.log.size(), 2u);
}

TEST_F(ResolverTest, TheCacheIsBounded) {
  for (const char* host : {"a.test", "b.test", "c.test", "d.test"}) {
    net.answers[std::string("udp A ") + host] = FakeTransport::addresses({"1.1.1.1"});
    look_up(host);
  }
  EXPECT_EQ(resolver().cache().size(), 3u);
  EXPECT_EQ(resolver().cache().evictions(), 1u);
  look_up("b.test");
  EXPECT_EQ(net.log.size(), 4u);
  look_up("a.test");
  EXPECT_EQ(net.log.size(), 5u);
}

async::Task<void> keep(Resolver& resolver, std::string host, std::vector<std::string>& out) {
  Resolved resolved = co_await resolver.resolve(host);
  for (const std::string& text : texts(resolved)) out.push_back(text);
}

TEST_F(ResolverTest, LookupsThatOverlapAreOne) {
  net.answers["udp A www.test"] = FakeTransport::addresses({"1.1.1.1"});
  net.hold = true;
  std::vector<std::string> first, second, left;
  auto a = keep(resolver(), "www.test", first);
  auto b = keep(resolver(), "www.test", second);
  auto c = keep(resolver(), "www.test", left);
  for (auto* task : {&a, &b, &c}) task->start(nullptr, nullptr);
  EXPECT_EQ(net.held(), 1u);
  EXPECT_EQ(resolver().lookups(), 1u);
  c = {};  // who asked may go away
  net.release();
  EXPECT_THAT(first, ElementsAre("1.1.1.1"));
  EXPECT_THAT(second, ElementsAre("1.1.1.1"));
  EXPECT_THAT(left, IsEmpty());
  EXPECT_EQ(resolver().lookups(), 0u);
}

TEST_F(ResolverTest, DyingWithALookupUnderWay) {
  net.hold = true;
  std::vector<std::string> out;
  auto task = keep(resolver(), "www.test", out);
  task.start(nullptr, nullptr);
  resolver_ = nullptr;
  EXPECT_FALSE(task.done());
}

}  // namespace
}  // namespace pylon::upstream
