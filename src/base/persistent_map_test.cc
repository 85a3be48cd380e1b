#include "base/persistent_map.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>

#include "base/ref.h"

namespace pylon {
namespace {

// Keys of all lengths that collide on purpose: the hash has only a few values.
struct CollidingKey {
  using Stored = std::string;
  using View = std::string_view;
  static uint64_t hash(View key) { return key.empty() ? 0 : uint64_t{key.back() & 3u} << 62; }
  static bool equal(const Stored& stored, View key) { return stored == key; }
};

struct Counted : RefCounted {
  explicit Counted(int* count) : alive(count) { ++*alive; }
  ~Counted() { --*alive; }
  int* alive;
};

template <class Map>
void expect_same(const Map& map, const std::map<std::string, int>& model) {
  ASSERT_EQ(map.size(), model.size());
  for (const auto& [key, value] : model) {
    const int* found = map.find(key);
    ASSERT_NE(found, nullptr) << key;
    EXPECT_EQ(*found, value);
  }
  std::map<std::string, int> seen;
  map.for_each([&](std::string_view key, int value) { seen.emplace(key, value); });
  EXPECT_EQ(seen, model);
}

template <class Map>
void random_walk(uint32_t seed, int keys, int steps) {
  std::mt19937 random(seed);
  Map map;
  std::map<std::string, int> model;
  std::vector<std::pair<Map, std::map<std::string, int>>> versions;
  for (int step = 0; step < steps; ++step) {
    std::string key = "key-" + std::to_string(random() % keys);
    if (random() % 3 != 0) {
      map = map.insert(key, step);
      model[key] = step;
    } else {
      map = map.erase(key);
      model.erase(key);
    }
    if (step % (steps / 10) == 0) versions.emplace_back(map, model);
  }
  expect_same(map, model);
  for (const auto& [old, expected] : versions) expect_same(old, expected);
}

TEST(PersistentMap, BehavesAsAMapInEveryVersion) {
  random_walk<PersistentMap<int>>(1, 50, 2000);
  random_walk<PersistentMap<int>>(2, 5000, 20000);
}

TEST(PersistentMap, SurvivesEqualHashes) {
  random_walk<PersistentMap<int, CollidingKey>>(3, 60, 3000);
  random_walk<PersistentMap<int, CollidingKey>>(4, 6, 1000);
}

TEST(PersistentMap, AnEditLeavesTheOldVersionAlone) {
  PersistentMap<int> first;
  for (int i = 0; i < 1000; ++i) first = first.insert(std::to_string(i), i);
  auto edit = first.edit();
  for (int i = 0; i < 1000; i += 2) EXPECT_TRUE(edit.erase(std::to_string(i)));
  for (int i = 1000; i < 3000; ++i) edit.insert(std::to_string(i), i);
  EXPECT_FALSE(edit.erase("none"));
  EXPECT_EQ(*edit.find("2999"), 2999);
  PersistentMap<int> second = std::move(edit).commit();
  EXPECT_EQ(first.size(), 1000u);
  EXPECT_EQ(second.size(), 2500u);
  EXPECT_NE(first.find("0"), nullptr);
  EXPECT_EQ(second.find("0"), nullptr);
  EXPECT_EQ(*second.find("1"), 1);
}

TEST(PersistentMap, FreesWhatNobodyShares) {
  int alive = 0;
  using Map = PersistentMap<Ref<Counted>>;
  Map kept;
  {
    Map map;
    for (int i = 0; i < 500; ++i) map = map.insert(std::to_string(i), make_ref<Counted>(&alive));
    kept = map;
    for (int i = 0; i < 500; ++i) map = map.insert(std::to_string(i), make_ref<Counted>(&alive));
    EXPECT_EQ(alive, 1000);
  }
  EXPECT_EQ(alive, 500);
  kept = kept.erase("7");
  EXPECT_EQ(alive, 499);
  kept = Map();
  EXPECT_EQ(alive, 0);
}

TEST(PersistentMap, OfManyInsertsTheLastOneWins) {
  PersistentMap<int> map = PersistentMap<int>().insert("50", -1);
  auto edit = map.edit();
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 1000; ++i) edit.insert(std::to_string(i), i + round * 1000);
  }
  EXPECT_EQ(*edit.find("7"), 2007);
  edit.insert("7", 1);
  EXPECT_TRUE(edit.erase("7"));
  EXPECT_FALSE(edit.erase("7"));
  PersistentMap<int> next = std::move(edit).commit();
  EXPECT_EQ(next.size(), 999u);
  EXPECT_EQ(*next.find("50"), 2050);
  EXPECT_EQ(*map.find("50"), -1);
}

template <class Map>
void insert_many_at_once(uint32_t seed, int keys) {
  std::mt19937 random(seed);
  Map map;
  std::map<std::string, int> model;
  for (int round = 0; round < 3; ++round) {  // into nothing, then among others
    Map before = map;
    std::map<std::string, int> model_before = model;
    auto edit = map.edit();
    for (int i = 0; i < keys; ++i) {
      std::string key = "key-" + std::to_string(random() % (2 * keys));
      edit.insert(key, i);
      model[key] = i;
    }
    map = std::move(edit).commit();
    expect_same(map, model);
    expect_same(before, model_before);
  }
  for (const auto& [key, value] : model) map = map.erase(key);
  EXPECT_TRUE(map.empty());
}

TEST(PersistentMap, ManyAtOnceAreAsOneAfterTheOther) {
  insert_many_at_once<PersistentMap<int>>(1, 5000);
  insert_many_at_once<PersistentMap<int>>(2, 70);
  insert_many_at_once<PersistentMap<int, CollidingKey>>(3, 200);
}

TEST(PersistentMap, AnEditThatIsDroppedLeavesNothing) {
  auto edit = PersistentMap<std::shared_ptr<int>>().edit();
  auto value = std::make_shared<int>(1);
  edit.insert("a", value);
  { auto dropped = std::move(edit); }
  EXPECT_EQ(value.use_count(), 1);
}

TEST(PersistentMap, EmptyKeyAndEmptyMap) {
  PersistentMap<int> map;
  EXPECT_EQ(map.find("x"), nullptr);
  EXPECT_TRUE(map.erase("x").empty());
  map = map.insert("", 1);
  EXPECT_EQ(*map.find(""), 1);
  map = map.erase("");
  EXPECT_TRUE(map.empty());
}

}  // namespace
}  // namespace pylon
