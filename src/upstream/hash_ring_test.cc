#include "upstream/hash_ring.h"

#include <gtest/gtest.h>

#include <map>

#include "upstream/crc32.h"

namespace pylon::upstream {
namespace {

std::vector<HashRing::Member> members(std::initializer_list<uint32_t> weights) {
  std::vector<HashRing::Member> list;
  for (uint32_t weight : weights) {
    list.push_back({"10.0.0." + std::to_string(list.size() + 1) + ":80", weight});
  }
  return list;
}

uint32_t owner(const HashRing& ring, int key) {
  return ring.member(ring.find("user-" + std::to_string(key)));
}

TEST(Crc32, KnownValues) {
  EXPECT_EQ(Crc32().add("123456789").value(), 0xcbf43926u);
  EXPECT_EQ(Crc32().value(), 0u);
}

TEST(HashRing, WeightsAreDividedByTheirDivisor) {
  EXPECT_EQ(HashRing(members({10, 20, 30})).size(), 6u * 160);
  EXPECT_EQ(HashRing(members({1})).size(), 160u);
  EXPECT_EQ(HashRing(members({0, 0})).size(), 0u);
  EXPECT_EQ(HashRing(members({})).size(), 0u);
  EXPECT_EQ(HashRing(members({0, 2})).size(), 160u);
}

TEST(HashRing, HugeWeightsStayBounded) {
  HashRing ring(members({1'000'000'007, 1}));
  EXPECT_LE(ring.size(), HashRing::kMaxPoints + 1);
  EXPECT_GE(ring.size(), HashRing::kMaxPoints / 2);
}

TEST(HashRing, KeysSpreadByWeight) {
  HashRing ring(members({1, 1, 2}));
  std::map<uint32_t, int> counts;
  for (int key = 0; key < 40'000; ++key) ++counts[owner(ring, key)];
  EXPECT_NEAR(counts[0], 10'000, 2'000);
  EXPECT_NEAR(counts[2], 20'000, 3'000);
}

TEST(HashRing, ANodeThatGoesMovesOnlyItsKeys) {
  auto four = members({1, 1, 1, 1});
  HashRing before(four);
  four.pop_back();
  HashRing after(four);
  int moved = 0;
  for (int key = 0; key < 10'000; ++key) {
    if (owner(before, key) == owner(after, key)) continue;
    EXPECT_EQ(owner(before, key), 3u);
    ++moved;
  }
  EXPECT_LT(moved, 3'500);
  EXPECT_GT(moved, 1'500);
}

TEST(HashRing, TheOrderOfTheNodesDoesNotMatter) {
  auto list = members({1, 2, 3});
  HashRing ring(list);
  std::swap(list[0], list[2]);
  HashRing turned(list);
  for (int key = 0; key < 1'000; ++key) EXPECT_EQ(owner(ring, key), 2 - owner(turned, key));
}

TEST(HashRing, TheWalkGoesAround) {
  HashRing ring(members({1}));
  uint32_t point = ring.find("x");
  for (size_t i = 0; i < ring.size(); ++i) point = ring.next(point);
  EXPECT_EQ(point, ring.find("x"));
}

}  // namespace
}  // namespace pylon::upstream
