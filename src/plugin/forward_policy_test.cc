#include "plugin/forward_policy.h"

#include <gtest/gtest.h>

namespace pylon::plugin {
namespace {

bool is_public_text(std::string_view text) { return is_public(*IpAddress::parse(text)); }

TEST(ForwardPolicy, OnlyThePublicInternetIsPublic) {
  for (std::string_view text : {"8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111",
                                "::ffff:8.8.8.8", "64:ff9b::808:808"}) {
    EXPECT_TRUE(is_public_text(text)) << text;
  }
  for (std::string_view text : {"127.0.0.1",
                                "127.9.9.9",
                                "0.0.0.0",
                                "10.1.2.3",
                                "172.16.0.1",
                                "172.31.255.255",
                                "192.168.0.1",
                                "169.254.169.254",
                                "100.64.0.1",
                                "224.0.0.1",
                                "255.255.255.255",
                                "198.18.0.1",
                                "::",
                                "::1",
                                "::7f00:1",
                                "::ffff:127.0.0.1",
                                "::ffff:169.254.169.254",
                                "64:ff9b::7f00:1",
                                "64:ff9b::a9fe:a9fe",
                                "64:ff9b:1::1",
                                "2002:7f00:1::",
                                "2001::1",
                                "fe80::1",
                                "fd00:ec2::254",
                                "ff02::1",
                                "2001:db8::1"}) {
    EXPECT_FALSE(is_public_text(text)) << text;
  }
}

TEST(ForwardPolicy, BlocksOverrule) {
  ForwardPolicy policy;
  EXPECT_FALSE(policy.admits_address(*IpAddress::parse("10.0.0.1")));
  policy.allowed = IpSet::parse({"10.0.0.0/8"}).value();
  policy.denied = IpSet::parse({"10.0.9.0/24", "8.8.8.8"}).value();
  EXPECT_TRUE(policy.admits_address(*IpAddress::parse("10.0.0.1")));
  EXPECT_TRUE(policy.admits_address(*IpAddress::parse("::ffff:10.0.0.1")));
  EXPECT_FALSE(policy.admits_address(*IpAddress::parse("10.0.9.1")));
  EXPECT_FALSE(policy.admits_address(*IpAddress::parse("8.8.8.8")));
  EXPECT_TRUE(policy.admits_address(*IpAddress::parse("8.8.4.4")));
}

TEST(ForwardPolicy, HostsAndPorts) {
  ForwardPolicy policy;
  EXPECT_TRUE(policy.admits_host("any.test"));
  EXPECT_FALSE(policy.admits_port(80));
  policy.hosts = {"a.test", "*.b.test"};
  policy.ports = {443};
  for (std::string_view host : {"a.test", "x.b.test", "x.y.b.test"}) {
    EXPECT_TRUE(policy.admits_host(host)) << host;
  }
  for (std::string_view host : {"b.test", "xb.test", "a.test.evil", "xa.test", ".b.test"}) {
    EXPECT_FALSE(policy.admits_host(host)) << host;
  }
  EXPECT_TRUE(policy.admits_port(443));
  EXPECT_FALSE(policy.admits_port(25));
}

}  // namespace
}  // namespace pylon::plugin
