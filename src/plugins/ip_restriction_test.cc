#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/fixture.h"
#include "plugins/all.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using testing::HasSubstr;

class IpRestrictionTest : public testing::Test {
 protected:
  Verdict from(std::string_view address, std::string_view conf) {
    set_ = fixture_.plugins(conf);
    TestExchange test(fixture_);
    test.set_client(address);
    return test.run(*set_);
  }
  Fixture fixture_{all_plugins()};
  Ref<const PluginSet> set_;
};

TEST_F(IpRestrictionTest, WhitelistLetsOnlyItsAddressesPass) {
  std::string_view conf =
      R"({"ip-restriction":{"whitelist":["127.0.0.0/24","192.168.1.1","::1","fe80::/32"]}})";
  for (std::string_view address :
       {"127.0.0.1", "127.0.0.255", "192.168.1.1", "::1", "fe80::1:1", "::ffff:192.168.1.1"}) {
    EXPECT_TRUE(from(address, conf).proceeds()) << address;
  }
  for (std::string_view address : {"127.0.1.1", "192.168.1.2", "::2", "fe81::1"}) {
    Verdict verdict = from(address, conf);
    EXPECT_EQ(verdict.status(), 403) << address;
    EXPECT_EQ(verdict.body(), "{\"message\":\"Your IP address is not allowed\"}\n");
  }
}

TEST_F(IpRestrictionTest, BlacklistRefusesItsAddresses) {
  std::string_view conf = R"({"ip-restriction":{"blacklist":["10.0.0.0/8"]}})";
  EXPECT_EQ(from("10.1.2.3", conf).status(), 403);
  EXPECT_EQ(from("::ffff:10.1.2.3", conf).status(), 403);
  EXPECT_TRUE(from("11.1.2.3", conf).proceeds());
}

TEST_F(IpRestrictionTest, OwnMessageAndStatus) {
  Verdict verdict = from("10.1.2.3",
                         R"({"ip-restriction":{"blacklist":["10.0.0.0/8"],
                             "message":"Not \"you\"","response_code":404}})");
  EXPECT_EQ(verdict.status(), 404);
  EXPECT_EQ(verdict.body(), "{\"message\":\"Not \\\"you\\\"\"}\n");
}

TEST_F(IpRestrictionTest, ConfigurationErrors) {
  EXPECT_THAT(fixture_.check("ip-restriction", "{}"),
              HasSubstr("value should match only one schema, but matches none"));
  EXPECT_THAT(fixture_.check("ip-restriction", R"({"whitelist":["::1"],"blacklist":["::1"]})"),
              HasSubstr("value should match only one schema, but matches both schemas 1 and 2"));
  EXPECT_THAT(fixture_.check("ip-restriction", R"({"whitelist":[]})"),
              HasSubstr("property \"whitelist\" validation failed"));
  EXPECT_THAT(fixture_.check("ip-restriction", R"({"blacklist":["172.1000.0.0"]})"),
              HasSubstr("failed to validate item 1: object matches none of the required"));
  EXPECT_THAT(fixture_.check("ip-restriction", R"({"blacklist":["::1/129"]})"), testing::Not(""));
  EXPECT_THAT(fixture_.check("ip-restriction", R"({"blacklist":["::1"],"response_code":500})"),
              HasSubstr("property \"response_code\" validation failed"));
}

TEST_F(IpRestrictionTest, TakesPartInConnections) {
  EXPECT_TRUE(fixture_.catalogue.find("ip-restriction")->has(Phase::preread));
  auto set = fixture_.plugins(R"({"ip-restriction":{"blacklist":["10.0.0.0/8"]}})");
  Arena arena;
  Exchange exchange(arena);
  exchange.client = {*IpAddress::parse("10.0.0.1"), 50000, "10.0.0.1"};
  Connection connection{exchange, {}};
  const PluginSet::Item& item = set->items()[0];
  Verdict verdict =
      item.type->call(Phase::preread).preread(item.instance->object(), connection, nullptr);
  EXPECT_EQ(verdict.status(), 403);
}

}  // namespace
}  // namespace pylon::plugins
