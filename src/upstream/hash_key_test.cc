#include "upstream/hash_key.h"

#include <gtest/gtest.h>

#include <memory>

namespace pylon::upstream {
namespace {

class HashKeyTest : public ::testing::Test {
 protected:
  HashKeyTest() {
    exchange.client.text = "192.0.2.1";
    exchange.request.uri = "/a";
    exchange.request.args = "x=1";
    exchange.request.fields.add("X-User", "bob");
    exchange.request.fields.add("Cookie", "sid=42; other=1");
  }
  std::string_view of(config::HashOn hash_on, std::string_view key) {
    keys.push_back(std::make_unique<HashKey>(hash_on, key));
    return keys.back()->of(exchange);
  }

  Arena arena;
  http::Exchange exchange{arena};
  std::vector<std::unique_ptr<HashKey>> keys;
};

TEST_F(HashKeyTest, TakesWhatItIsToldTo) {
  EXPECT_EQ(of(config::HashOn::vars, "uri"), "/a");
  EXPECT_EQ(of(config::HashOn::vars, "arg_x"), "1");
  EXPECT_EQ(of(config::HashOn::header, "X-User"), "bob");
  EXPECT_EQ(of(config::HashOn::header, "x_user"), "bob");
  EXPECT_EQ(of(config::HashOn::cookie, "sid"), "42");
  EXPECT_EQ(of(config::HashOn::vars_combinations, "$http_x_user-$arg_x"), "bob-1");
  exchange.consumer.name = "jack";
  EXPECT_EQ(of(config::HashOn::consumer, ""), "jack");
}

TEST_F(HashKeyTest, TheClientsAddressStandsIn) {
  for (auto [hash_on, key] : {std::pair{config::HashOn::vars, "arg_none"},
                              {config::HashOn::header, "X-None"},
                              {config::HashOn::cookie, "none"},
                              {config::HashOn::consumer, ""},
                              {config::HashOn::vars_combinations, "$arg_none-$http_none"},
                              {config::HashOn::vars_combinations, "constant"}}) {
    EXPECT_EQ(of(hash_on, key), "192.0.2.1") << key;
  }
}

}  // namespace
}  // namespace pylon::upstream
