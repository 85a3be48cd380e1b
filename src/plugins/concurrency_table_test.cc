#include "plugins/concurrency_table.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace pylon::plugins {
namespace {

using Entry = ConcurrencyTable::Entry;

constexpr uint64_t kHash = uint64_t{1} << 20;  // the part of a key above its place

TEST(ConcurrencyTable, CountsWhoIsUnderWay) {
  ConcurrencyTable table(64);
  auto first = table.enter(7 * kHash, 2);
  auto second = table.enter(7 * kHash, 2);
  EXPECT_EQ(first.count, 1u);
  EXPECT_EQ(second.count, 2u);
  EXPECT_EQ(table.enter(7 * kHash, 2).entry, Entry::refused);
  EXPECT_EQ(table.enter(8 * kHash, 2).count, 1u);
  table.leave(first.place);
  EXPECT_EQ(table.enter(7 * kHash, 2).count, 2u);
}

TEST(ConcurrencyTable, ACellIsFreeAgainWhenAllHaveLeft) {
  ConcurrencyTable table(8);
  for (uint64_t key = 1; key <= 100; key++) {
    auto answer = table.enter(key * kHash, 1);
    ASSERT_EQ(answer.entry, Entry::admitted);
    table.leave(answer.place);
  }
  EXPECT_EQ(table.crowded(), 0u);
}

TEST(ConcurrencyTable, IsCrowdedWhenEveryCellIsTaken) {
  ConcurrencyTable table(8);
  for (uint64_t key = 1; key <= 8; key++) (void)table.enter(key * kHash, 1);
  EXPECT_EQ(table.enter(9 * kHash, 1).entry, Entry::crowded);
  EXPECT_EQ(table.enter(8 * kHash, 2).count, 2u);
  EXPECT_EQ(table.crowded(), 1u);
}

TEST(ConcurrencyTable, ThreadsCountTogether) {
  ConcurrencyTable table(64);
  std::atomic<uint64_t> most{0};
  auto work = [&] {
    for (int i = 0; i < 20'000; i++) {
      auto answer = table.enter(3 * kHash, 3);
      if (answer.entry != Entry::admitted) continue;
      uint64_t seen = most.load();
      while (answer.count > seen && !most.compare_exchange_weak(seen, answer.count)) {
      }
      table.leave(answer.place);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most.load(), 3u);
  EXPECT_EQ(table.enter(3 * kHash, 3).count, 1u);
}

}  // namespace
}  // namespace pylon::plugins
