#include "snapshot/stream_table.h"

#include <gtest/gtest.h>

namespace pylon::snapshot {
namespace {

struct Conditions {
  const char* id;
  uint64_t sequence = 0;
  const char* remote = nullptr;
  const char* server = nullptr;
  uint16_t port = 0;
  const char* sni = "";
};

Ref<const StreamRoute> route(const Conditions& from) {
  auto made = make_ref<StreamRoute>();
  made->id = from.id;
  made->sequence = from.sequence;
  if (from.remote != nullptr) made->remote_addr = Cidr::parse(from.remote);
  if (from.server != nullptr) made->server_addr = Cidr::parse(from.server);
  made->server_port = from.port;
  made->sni = from.sni;
  return made;
}

class StreamTableTest : public testing::Test {
 protected:
  void add(const Conditions& conditions) {
    auto editor = table_.edit();
    editor.insert(route(conditions));
    table_ = std::move(editor).commit();
  }
  void remove(const Conditions& conditions) {
    auto editor = table_.edit();
    editor.erase(*route(conditions));
    table_ = std::move(editor).commit();
  }
  std::string match(uint16_t port, std::string_view sni = {}, const char* remote = "10.0.0.1") {
    IpAddress from = *IpAddress::parse(remote), to = *IpAddress::parse("127.0.0.1");
    const StreamRoute* found = table_.match({from, to, port, sni});
    return found != nullptr ? found->id : "";
  }
  StreamTable table_;
};

TEST_F(StreamTableTest, TheFirstThatHoldsTakesIt) {
  add({.id = "any", .sequence = 5});
  add({.id = "port", .sequence = 7, .port = 9100});
  EXPECT_EQ(match(9100), "any");
  add({.id = "early", .sequence = 2, .port = 9100});
  EXPECT_EQ(match(9100), "early");
  EXPECT_EQ(match(9101), "any");
  remove({.id = "any", .sequence = 5});
  EXPECT_EQ(match(9101), "");
  remove({.id = "early", .sequence = 2, .port = 9100});
  EXPECT_EQ(match(9100), "port");
}

TEST_F(StreamTableTest, AllConditionsMustHold) {
  add({.id = "1", .sequence = 1, .remote = "10.0.0.0/8", .port = 9100});
  add({.id = "2", .sequence = 2, .server = "127.0.0.2", .port = 9100});
  EXPECT_EQ(match(9100), "1");
  EXPECT_EQ(match(9100, {}, "11.0.0.1"), "");
  EXPECT_EQ(match(9101), "");
}

TEST_F(StreamTableTest, NamesComeFirstTheExactBeforeTheLongerWildcard) {
  add({.id = "plain", .sequence = 1});
  add({.id = "all", .sequence = 2, .sni = "*"});
  add({.id = "wide", .sequence = 3, .sni = "*.com"});
  add({.id = "narrow", .sequence = 4, .sni = "*.b.com"});
  add({.id = "exact", .sequence = 5, .sni = "a.b.com"});
  EXPECT_EQ(match(1, "a.b.com"), "exact");
  EXPECT_EQ(match(1, "x.y.b.com"), "narrow");
  EXPECT_EQ(match(1, "b.com"), "wide");
  EXPECT_EQ(match(1, "b.org"), "all");
  EXPECT_EQ(match(1), "plain");
  remove({.id = "exact", .sequence = 5, .sni = "a.b.com"});
  EXPECT_EQ(match(1, "a.b.com"), "narrow");
}

TEST_F(StreamTableTest, ANameWhoseConditionsFailLeavesItToTheOthers) {
  add({.id = "plain", .sequence = 9});
  add({.id = "named", .sequence = 1, .port = 9100, .sni = "a.com"});
  EXPECT_EQ(match(9100, "a.com"), "named");
  EXPECT_EQ(match(9101, "a.com"), "plain");
}

TEST_F(StreamTableTest, NamesAreLookedForOnlyAtPortsWhoseRoutesHaveThem) {
  StreamTable none;
  EXPECT_FALSE(none.looks_at_names(443));
  auto named = [](std::string id, uint16_t port) {
    auto route = make_ref<StreamRoute>();
    route->id = std::move(id);
    route->server_port = port;
    route->sni = "a.test";
    return route;
  };
  auto one = named("1", 443), two = named("2", 443), any = named("3", 0);
  StreamTable::Editor editor = none.edit();
  editor.insert(one);
  editor.insert(two);
  StreamTable table = std::move(editor).commit();
  EXPECT_TRUE(table.looks_at_names(443));
  EXPECT_FALSE(table.looks_at_names(80));
  StreamTable::Editor next = table.edit();
  next.erase(*one);
  next.insert(any);
  next.erase(*two);
  table = std::move(next).commit();
  EXPECT_TRUE(table.looks_at_names(443));
  StreamTable::Editor last = table.edit();
  last.erase(*any);
  EXPECT_FALSE(std::move(last).commit().looks_at_names(443));
}

TEST_F(StreamTableTest, OldVersionsStayAsTheyAre) {
  add({.id = "1", .sequence = 1, .port = 9100});
  StreamTable before = table_;
  remove({.id = "1", .sequence = 1, .port = 9100});
  IpAddress any;
  EXPECT_NE(before.match({any, any, 9100, {}}), nullptr);
  EXPECT_EQ(match(9100), "");
}

}  // namespace
}  // namespace pylon::snapshot
