#include "upstream/name_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "upstream/fake_transport_test.h"

namespace pylon::upstream {
namespace {

using dns::FakeTransport;
using dns::Outcome;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class NameWatchTest : public ::testing::Test {
 protected:
  static dns::Config config() {
    dns::Config config;
    config.servers = {*dns::parse_server("10.0.0.1")};
    config.rounds = 1;
    dns::read_hosts("127.0.0.1 localhost\n", config);
    return config;
  }

  void run_timers() { timers.fire_due(clock.monotonic_us()); }
  void pass_ms(int64_t ms) {
    clock.advance_ms(ms);
    run_timers();
  }

  SimulatedClock clock;
  net::TimerHeap timers;
  FakeTransport net;
  std::vector<std::string> reports;
  Resolver resolver{config(), net, clock};
  NameWatch watch{timers, clock, resolver, [this](const std::string& host, const auto& addresses) {
                    std::string report = host;
                    for (const IpAddress& address : addresses) report += " " + address.to_string();
                    reports.push_back(report);
                  }};
};

TEST_F(NameWatchTest, ReportsFirstAndChangedSetsOnly) {
  net.answers["udp A www.test"] = FakeTransport::addresses({"1.1.1.2", "1.1.1.1"}, 10);
  EXPECT_THAT(watch.want("www.test"), IsEmpty());
  EXPECT_THAT(reports, IsEmpty());  // never out of want()
  run_timers();
  EXPECT_THAT(reports, ElementsAre("www.test 1.1.1.1 1.1.1.2"));
  net.answers["udp A www.test"] = FakeTransport::addresses({"1.1.1.1", "1.1.1.2"}, 10);
  pass_ms(9'000);  // before the ten seconds are over
  EXPECT_EQ(net.log.size(), 2u);
  EXPECT_EQ(reports.size(), 1u);
  net.answers["udp A www.test"] = FakeTransport::addresses({"1.1.1.3"}, 10);
  pass_ms(9'000);
  EXPECT_THAT(reports.back(), "www.test 1.1.1.3");
  EXPECT_THAT(watch.want("www.test"), ElementsAre(*IpAddress::parse("1.1.1.3")));
}

TEST_F(NameWatchTest, KnownNamesAreThereAtOnce) {
  EXPECT_THAT(watch.want("localhost"), ElementsAre(*IpAddress::parse("127.0.0.1")));
  EXPECT_TRUE(watch.settled());
  run_timers();
  EXPECT_THAT(reports, IsEmpty());
}

TEST_F(NameWatchTest, AFailingNameKeepsItsAddresses) {
  net.answers["udp A www.test"] = FakeTransport::addresses({"1.1.1.1"}, 10);
  watch.want("www.test");
  run_timers();
  net.answers["udp A www.test"] = FakeTransport::outcome(Outcome::no_answer);
  for (int i = 0; i < 10; ++i) pass_ms(9'000);
  EXPECT_EQ(reports.size(), 1u);
  EXPECT_GT(net.log.size(), 8u);
  EXPECT_THAT(watch.want("www.test"), ElementsAre(*IpAddress::parse("1.1.1.1")));
}

TEST_F(NameWatchTest, Settles) {
  int settled = 0;
  watch.when_settled([&] { ++settled; });
  EXPECT_EQ(settled, 1);
  net.hold = true;
  watch.want("a.test");
  watch.want("b.test");
  watch.when_settled([&] { ++settled; });
  run_timers();
  EXPECT_EQ(net.held(), 2u);
  EXPECT_EQ(settled, 1);
  net.release();  // neither exists: an answer all the same
  EXPECT_EQ(settled, 2);
  EXPECT_THAT(reports, IsEmpty());
}

TEST_F(NameWatchTest, DroppingTheLastUnansweredNameSettles) {
  int settled = 0;
  watch.want("a.test");
  watch.when_settled([&] { ++settled; });
  watch.drop("a.test");
  EXPECT_EQ(settled, 0);
  run_timers();
  EXPECT_EQ(settled, 1);
  EXPECT_EQ(watch.size(), 0u);
  EXPECT_THAT(net.log, IsEmpty());
}

TEST_F(NameWatchTest, WantsAreCounted) {
  net.answers["udp A www.test"] = FakeTransport::addresses({"1.1.1.1"}, 10);
  watch.want("www.test");
  watch.want("www.test");
  watch.drop("www.test");
  run_timers();
  EXPECT_EQ(reports.size(), 1u);
  watch.drop("www.test");
  watch.drop("www.test");
  pass_ms(100'000);
  EXPECT_EQ(net.log.size(), 1u);
}

TEST_F(NameWatchTest, DroppedDuringItsLookup) {
  net.hold = true;
  watch.want("www.test");
  run_timers();
  watch.drop("www.test");
  EXPECT_EQ(watch.size(), 1u);
  net.answers["udp A www.test"] = FakeTransport::addresses({"1.1.1.1"}, 10);
  net.release();
  EXPECT_EQ(watch.size(), 0u);
  EXPECT_THAT(reports, IsEmpty());
}

TEST_F(NameWatchTest, LookupsAreBounded) {
  net.hold = true;
  for (int i = 0; i < 200; ++i) watch.want("n" + std::to_string(i) + ".test");
  run_timers();
  EXPECT_EQ(net.held(), NameWatch::kAtOnce);
  net.release();
  run_timers();
  EXPECT_TRUE(watch.settled());
  EXPECT_EQ(net.log.size(), 200u);
}

}  // namespace
}  // namespace pylon::upstream
