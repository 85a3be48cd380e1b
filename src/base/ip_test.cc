#include "base/ip.h"

#include <gtest/gtest.h>

#include <random>

namespace pylon {
namespace {

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value(); }

TEST(IpAddress, ParsesAndPrints) {
  for (std::string_view text : {"0.0.0.0", "255.255.255.255", "::", "::1", "2001:db8::68",
                                "::ffff:192.0.2.1", "fe80::1:2:3:4"}) {
    EXPECT_EQ(ip(text).to_string(), text);
  }
  EXPECT_EQ(ip("2001:DB8:0:0:0:0:0:1").to_string(), "2001:db8::1");
  EXPECT_EQ(ip("10.1.2.3").v4_value(), 0x0a010203u);
  EXPECT_EQ(IpAddress::v4(0x7f000001).to_string(), "127.0.0.1");
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
  for (std::string_view text :
       {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", "[::1]", "fe80::1%eth0",
        ":::", "1.2.3.4/8", "example.com", "0x7f.1.1.1"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string(1000, '1')));
  EXPECT_FALSE(IpAddress::parse(std::string_view("::1\0x", 5)));
}

TEST(IpAddress, FamiliesAreDifferent) {
  EXPECT_FALSE(ip("1.2.3.4") == ip("::ffff:1.2.3.4"));
  EXPECT_EQ(ip("::ffff:1.2.3.4").unmapped(), ip("1.2.3.4"));
  EXPECT_EQ(ip("::1").unmapped(), ip("::1"));
}

TEST(Cidr, ContainsItsBlock) {
  Cidr block = Cidr::parse("10.1.2.3/8").value();
  EXPECT_EQ(block.to_string(), "10.0.0.0/8");
  EXPECT_TRUE(block.contains(ip("10.255.0.1")));
  EXPECT_FALSE(block.contains(ip("11.0.0.0")));
  EXPECT_FALSE(block.contains(ip("::ffff:10.0.0.1")));
  EXPECT_TRUE(Cidr::parse("0.0.0.0/0")->contains(ip("255.1.1.1")));
  EXPECT_TRUE(Cidr::parse("fe80::/10")->contains(ip("febf::1")));
  EXPECT_FALSE(Cidr::parse("fe80::/10")->contains(ip("fec0::1")));
  EXPECT_EQ(Cidr::parse("::1")->prefix_bits(), 128u);
  for (std::string_view text :
       {"1.2.3.4/33", "::/129", "1.2.3.4/", "1.2.3.4/-1", "/8", "1.2.3.4/8/8"}) {
    EXPECT_FALSE(Cidr::parse(text)) << text;
  }
}

TEST(IpSet, AgreesWithTheBlocksOneByOne) {
  std::mt19937 random(1);
  std::vector<Cidr> blocks;
  for (int i = 0; i < 200; ++i) {
    blocks.emplace_back(IpAddress::v4(static_cast<uint32_t>(random())), 12 + random() % 21);
    uint8_t bytes[16];
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % 3);
    blocks.emplace_back(IpAddress::v6_bytes(bytes), 1 + random() % 128);
  }
  IpSet set(blocks);
  auto in_any = [&](const IpAddress& address) {
    for (const Cidr& block : blocks) {
      if (block.contains(address)) return true;
    }
    return false;
  };
  auto check = [&](const IpAddress& address) {
    EXPECT_EQ(set.contains(address), in_any(address)) << address.to_string();
  };
  for (const Cidr& block : blocks) {
    check(block.first());
    check(block.last());
  }
  for (int i = 0; i < 2000; ++i) {
    check(IpAddress::v4(static_cast<uint32_t>(random())));
    uint8_t bytes[16];
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() % 3);
    check(IpAddress::v6_bytes(bytes));
  }
}

TEST(IpSet, NamesTheBadEntry) {
  EXPECT_EQ(IpSet::parse({"10.0.0.1", "nonsense"}).error().message, "invalid ip address: nonsense");
  EXPECT_FALSE(IpSet().contains(ip("1.1.1.1")));
}

}  // namespace
}  // namespace pylon
