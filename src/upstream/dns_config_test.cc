#include "upstream/dns_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pylon::upstream::dns {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

TEST(DnsConfig, Servers) {
  EXPECT_EQ(*parse_server("10.0.0.2"), (Server{ip("10.0.0.2"), 53}));
  EXPECT_EQ(*parse_server("10.0.0.2:5353"), (Server{ip("10.0.0.2"), 5353}));
  EXPECT_EQ(*parse_server("2001:db8::1"), (Server{ip("2001:db8::1"), 53}));
  EXPECT_EQ(*parse_server("[2001:db8::1]:54"), (Server{ip("2001:db8::1"), 54}));
  EXPECT_EQ(*parse_server("[::1]"), (Server{ip("::1"), 53}));
  for (const char* bad : {"", "dns.example", "10.0.0.2:", "10.0.0.2:0", "10.0.0.2:65536", "[::1",
                          "[::1]x", "[::1]:", "10.0.0.2:5x"}) {
    EXPECT_FALSE(parse_server(bad)) << bad;
  }
}

TEST(DnsConfig, ResolvConf) {
  Config config;
  read_resolv_conf(
      "# comment\n"
      "nameserver 10.0.0.2 ; first\r\n"
      "\tnameserver\t2001:db8::1\n"
      "nameserver fe80::1%eth0\nnameserver\nnameserver nonsense\n"
      "domain ignored.test\n"
      "search svc.cluster.local Cluster.Local. b@d\n"
      "options ndots:5 timeout:3 attempts:99 rotate edns0\n",
      config);
  EXPECT_THAT(config.servers,
              ElementsAre(Server{ip("10.0.0.2"), 53}, Server{ip("2001:db8::1"), 53}));
  EXPECT_THAT(config.search, ElementsAre("svc.cluster.local", "cluster.local"));
  EXPECT_EQ(config.ndots, 5);
  EXPECT_EQ(config.rounds, 5);
  EXPECT_EQ(config.attempt_timeout_ms, 3000);
}

TEST(DnsConfig, EmptyResolvConf) {
  Config config;
  read_resolv_conf("", config);
  EXPECT_THAT(config.servers, IsEmpty());
  EXPECT_EQ(config.ndots, 1);
}

TEST(DnsConfig, Hosts) {
  Config config;
  read_hosts(
      "127.0.0.1 localhost Box.Local # me\n"
      "::1 localhost ip6-localhost\n"
      "10.0.0.9 box.local\n"
      "10.0.0.9 box.local\n"
      "broken line\n10.0.0.1\n",
      config);
  EXPECT_THAT(config.hosts["localhost"].v4, ElementsAre(ip("127.0.0.1")));
  EXPECT_THAT(config.hosts["localhost"].v6, ElementsAre(ip("::1")));
  EXPECT_THAT(config.hosts["box.local"].v4, ElementsAre(ip("127.0.0.1"), ip("10.0.0.9")));
  EXPECT_EQ(config.hosts.size(), 3u);
}

TEST(DnsConfig, NamesToTry) {
  Config config;
  EXPECT_THAT(names_to_try("Web", config), ElementsAre("web"));
  config.search = {"a.test", "b.test"};
  EXPECT_THAT(names_to_try("web", config), ElementsAre("web.a.test", "web.b.test", "web"));
  EXPECT_THAT(names_to_try("web.c", config), ElementsAre("web.c", "web.c.a.test", "web.c.b.test"));
  EXPECT_THAT(names_to_try("web.", config), ElementsAre("web"));
  EXPECT_THAT(names_to_try("we b", config), IsEmpty());
  EXPECT_THAT(names_to_try("", config), IsEmpty());
  config.ndots = 2;
  EXPECT_THAT(names_to_try("web.c", config), ElementsAre("web.c.a.test", "web.c.b.test", "web.c"));
}

}  // namespace
}  // namespace pylon::upstream::dns
