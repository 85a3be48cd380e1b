#include "base/ordered_chunks.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <iterator>
#include <random>
#include <set>
#include <vector>

namespace pylon {
namespace {

std::vector<int> slice(const OrderedChunks<int>& values, size_t from, size_t end) {
  std::vector<int> found;
  values.for_each(from, end, [&](int value) { found.push_back(value); });
  return found;
}

TEST(OrderedChunks, KnowsThePlaceOfEach) {
  OrderedChunks<int> values;
  EXPECT_TRUE(slice(values, 0, 10).empty());
  for (int i = 0; i < 5'000; ++i) EXPECT_TRUE(values.insert(2 * i));
  EXPECT_FALSE(values.insert(4));
  EXPECT_EQ(values.size(), 5'000);
  EXPECT_EQ(slice(values, 0, 3), (std::vector<int>{0, 2, 4}));
  EXPECT_EQ(slice(values, 4'998, 6'000), (std::vector<int>{9'996, 9'998}));
  EXPECT_TRUE(slice(values, 5'000, 5'010).empty());
  EXPECT_TRUE(values.erase(4));
  EXPECT_FALSE(values.erase(4));
  EXPECT_FALSE(values.erase(5));
  EXPECT_FALSE(values.erase(10'000));
  EXPECT_EQ(slice(values, 511, 514), (std::vector<int>{1'024, 1'026, 1'028}));
}

TEST(OrderedChunks, HoldsWhatASetHolds) {
  OrderedChunks<int> values;
  std::set<int> expected;
  std::mt19937 random(1);
  for (int step = 0; step < 60'000; ++step) {
    int value = static_cast<int>(random() % 8'000);
    bool grows = (step / 10'000) % 2 == 0;
    bool insert = random() % 4 < (grows ? 3U : 1U);
    if (insert) {
      EXPECT_EQ(values.insert(value), expected.insert(value).second);
    } else {
      EXPECT_EQ(values.erase(value), expected.erase(value) == 1);
    }
  }
  EXPECT_EQ(values.size(), expected.size());
  EXPECT_EQ(slice(values, 0, values.size()), std::vector<int>(expected.begin(), expected.end()));
  for (int value = 0; value < 8'000; ++value) values.erase(value);
  EXPECT_EQ(values.size(), 0);
  EXPECT_TRUE(values.insert(1));
}

}  // namespace
}  // namespace pylon
