#include "tls/staple_store.h"

#include <gtest/gtest.h>

namespace pylon::tls {
namespace {

constexpr StapleStore::Key kKey{1};
constexpr int64_t kNow = 1'800'000'000;

TEST(StapleStore, one_is_told_to_fetch_until_patience_ends) {
  StapleStore store;
  EXPECT_TRUE(store.find(kKey, kNow).due);
  EXPECT_FALSE(store.find(kKey, kNow).due);
  EXPECT_EQ(store.find(kKey, kNow).response, nullptr);
  EXPECT_TRUE(store.find(kKey, kNow + StapleStore::kPatienceS).due);
}

TEST(StapleStore, a_staple_stays_while_a_newer_one_is_fetched_and_ends_when_it_says) {
  StapleStore store;
  store.find(kKey, kNow);
  store.keep(kKey, {"first", kNow + 1000}, 3600, kNow);
  EXPECT_FALSE(store.find(kKey, kNow + 749).due);
  StapleStore::Found late = store.find(kKey, kNow + 750);
  EXPECT_TRUE(late.due);
  EXPECT_EQ(*late.response, "first");
  EXPECT_EQ(*store.find(kKey, kNow + 999).response, "first");
  EXPECT_EQ(store.find(kKey, kNow + 1000).response, nullptr);
  store.keep(kKey, {"second", kNow + 9000}, 100, kNow + 1000);
  EXPECT_FALSE(store.find(kKey, kNow + 1099).due);
  EXPECT_TRUE(store.find(kKey, kNow + 1100).due) << "the ttl";
}

TEST(StapleStore, keeps_no_more_than_so_many) {
  StapleStore store;
  StapleStore::Key key{};
  for (size_t i = 0; i < StapleStore::kMost + 10; i++) {
    key[1] = static_cast<unsigned char>(i >> 8);
    key[2] = static_cast<unsigned char>(i);
    store.find(key, kNow);
  }
  EXPECT_EQ(store.size(), StapleStore::kMost);
  EXPECT_FALSE(store.find(key, kNow).due);
  EXPECT_TRUE(store.find(key, kNow + StapleStore::kPatienceS).due) << "the others were given up";
  EXPECT_EQ(store.size(), 1u);
}

}  // namespace
}  // namespace pylon::tls
