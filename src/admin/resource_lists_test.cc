// Pages of lists, and who is named when a resource is still used.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>

#include "admin/testing.h"

namespace pylon::admin {
namespace {

// "total: ids".
std::string page(Desk& desk, const std::string& target) {
  http::ApiResponse response = desk.call("GET", target);
  if (response.status != 200) return std::to_string(response.status);
  Json body = *Json::parse(response.body);
  std::string text = std::to_string(body.find("total")->as_int()) + ":";
  for (const Json& item : body.find("list")->items()) {
    std::string_view key = item.find("key")->as_string();
    text += fmt::format(" {}", key.substr(key.rfind('/') + 1));
  }
  return text;
}

std::string route(int number, std::string_view name) {
  return fmt::format(R"({{"uri":"/{}","name":"{}","upstream":{{"nodes":{{"a:1":1}}}}}})", number,
                     name);
}

void put_routes(Desk& desk, int count) {
  for (int i = count; i > 0; --i) {
    std::string value = route(i, i % 2 == 1 ? "odd" : "even");
    EXPECT_EQ(desk.call("PUT", fmt::format("/routes/{}", i), value).status, 201);
  }
}

TEST(ResourceLists, AWalkOverPagesMeetsEachItemOnce) {
  Desk desk;
  put_routes(desk, 95);
  for (const char* filter : {"", "&uri=/"}) {
    std::string met;
    for (int number = 1; number <= 10; ++number) {
      std::string found = page(desk, fmt::format("/routes?page={}&page_size=10{}", number, filter));
      ASSERT_TRUE(found.starts_with("95:")) << found;
      met += found.substr(3);
    }
    std::string all;
    for (int i = 95; i > 0; --i) all += fmt::format(" {}", i);
    EXPECT_EQ(met, all);
    EXPECT_EQ(page(desk, fmt::format("/routes?page=11&page_size=10{}", filter)), "95:");
    EXPECT_EQ(page(desk, fmt::format("/routes?page=1e9&page_size=500{}", filter)), "95:");
  }
}

TEST(ResourceLists, PagesFollowWhatIsErasedAndMadeAnew) {
  Desk desk;
  put_routes(desk, 12);
  EXPECT_EQ(desk.call("DELETE", "/routes/12?force=true").status, 200);
  EXPECT_EQ(desk.call("DELETE", "/routes/5?force=true").status, 200);
  EXPECT_EQ(page(desk, "/routes?page=1&page_size=10"), "10: 11 10 9 8 7 6 4 3 2 1");
  EXPECT_EQ(desk.call("PUT", "/routes/11", route(11, "changed")).status, 200);
  EXPECT_EQ(desk.call("PUT", "/routes/12", route(12, "again")).status, 201);
  EXPECT_EQ(page(desk, "/routes?page=1&page_size=10"), "11: 11 10 9 8 7 6 4 3 2 1");
  EXPECT_EQ(page(desk, "/routes?page=2&page_size=10"), "11: 12");
}

TEST(ResourceLists, FiltersComeBeforePages) {
  Desk desk;
  put_routes(desk, 30);
  EXPECT_EQ(page(desk, "/routes?page=1&page_size=10&name=even"),
            "15: 30 28 26 24 22 20 18 16 14 12");
  EXPECT_EQ(page(desk, "/routes?page=2&page_size=10&name=even"), "15: 10 8 6 4 2");
  EXPECT_EQ(page(desk, "/routes?page=3&page_size=10&name=even"), "15:");
  EXPECT_EQ(page(desk, "/routes?page=1&page_size=10&name=none"), "0:");
}

TEST(ResourceLists, PageSizesHaveLimits) {
  Desk desk;
  put_routes(desk, 11);
  EXPECT_EQ(page(desk, "/routes?page=1&page_size=9"), "400");
  EXPECT_EQ(page(desk, "/routes?page=1&page_size=501"), "400");
  EXPECT_EQ(page(desk, "/routes?page=1&page_size=9&name=x"), "400");
  EXPECT_EQ(page(desk, "/routes?page=2&page_size=10.9"), "11: 1");
  EXPECT_EQ(page(desk, "/routes?page=1&page_size=500"), "11: 11 10 9 8 7 6 5 4 3 2 1");
  EXPECT_EQ(page(desk, "/services?page=1&page_size=10"), "0:");
}

// What belongs to an item is none.
TEST(ResourceLists, ChildrenAreNoItems) {
  Desk desk;
  for (const char* name : {"jack", "jill"}) {
    std::string consumer = fmt::format("/consumers/{}", name);
    ASSERT_EQ(desk.call("PUT", consumer, fmt::format(R"({{"username":"{}"}})", name)).status, 201);
    std::string credential = R"({"plugins":{"key-auth":{"key":")" + std::string(name) + R"("}}})";
    ASSERT_EQ(desk.call("PUT", consumer + "/credentials/c", credential).status, 201);
  }
  EXPECT_EQ(page(desk, "/consumers?page=1&page_size=10"), "2: jack jill");
  EXPECT_EQ(page(desk, "/consumers"), "2: jack jill");
  EXPECT_EQ(page(desk, "/consumers/jack/credentials?page=1&page_size=10"), "1: c");
  EXPECT_EQ(page(desk, "/consumers/john/credentials?page=1&page_size=10"), "404");
}

// A node that has not been told of everything yet looks into the store.
TEST(ResourceLists, APageIsNotOlderThanTheStore) {
  Desk desk;
  put_routes(desk, 3);
  desk.node.known_to = 3;
  desk.store.watches_lag = true;
  EXPECT_EQ(page(desk, "/routes?page=1&page_size=10"), "3: 3 2 1");
}

TEST(ResourceLists, ListsOfMoreThanOneReading) {
  Desk desk;
  put_routes(desk, 950);
  http::ApiResponse whole = desk.call("GET", "/routes");
  Json body = *Json::parse(whole.body);
  EXPECT_EQ(body.find("total")->as_int(), 950);
  std::set<std::string> keys;
  for (const Json& item : body.find("list")->items()) {
    keys.emplace(item.find("key")->as_string());
  }
  EXPECT_EQ(keys.size(), 950);
  EXPECT_EQ(page(desk, "/routes?page=95&page_size=10&name=odd"), "475:");
  EXPECT_EQ(page(desk, "/routes?page=48&page_size=10&name=odd"), "475: 9 7 5 3 1");
}

TEST(ResourceLists, AKnownUserIsLookedAtFirst) {
  Desk desk;
  ASSERT_EQ(desk.call("PUT", "/upstreams/1", R"({"nodes":{"127.0.0.1:80":1}})").status, 201);
  for (const char* route : {"a", "b"}) {
    std::string target = fmt::format("/routes/{}", route);
    ASSERT_EQ(desk.call("PUT", target, R"({"uri":"/","upstream_id":"1"})").status, 201);
  }
  auto refusal = [](const std::string& route) {
    return fmt::format(
        R"(400 {{"error_msg":"can not delete this upstream, route [{}] is still using it now"}})",
        route);
  };
  EXPECT_EQ(desk.talk("DELETE", "/upstreams/1"), refusal("a"));
  desk.node.users = {"/apisix/routes/gone", "/apisix/routes/b"};
  EXPECT_EQ(desk.talk("DELETE", "/upstreams/1"), refusal("b"));
  desk.node.users = {"/apisix/routes/gone"};  // then the store is searched
  EXPECT_EQ(desk.talk("DELETE", "/upstreams/1"), refusal("a"));
}

}  // namespace
}  // namespace pylon::admin
