#include "plugins/counter_table.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace pylon::plugins {
namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr CounterTable::Limit kTwoIn5s{2, 5 * kSecond};

TEST(CounterTable, FixedWindowCountsAndBeginsAnew) {
  CounterTable table(64);
  int64_t now = 100 * kSecond;
  CounterTable::Answer first = table.fixed(7, kTwoIn5s, now);
  EXPECT_TRUE(first.admitted);
  EXPECT_EQ(first.remaining, 1);
  EXPECT_EQ(first.reset_us, 5 * kSecond);
  CounterTable::Answer second = table.fixed(7, kTwoIn5s, now + kSecond);
  EXPECT_TRUE(second.admitted);
  EXPECT_EQ(second.remaining, 0);
  EXPECT_EQ(second.reset_us, 4 * kSecond);
  EXPECT_FALSE(table.fixed(7, kTwoIn5s, now + 2 * kSecond).admitted);
  EXPECT_TRUE(table.fixed(7, kTwoIn5s, now + 5 * kSecond).admitted);
}

TEST(CounterTable, KeysDoNotMix) {
  CounterTable table(64);
  for (uint64_t key : {0u, 1u, 2u, 64u, 128u}) {
    if (key == 1) continue;  // 0 is kept as 1
    EXPECT_EQ(table.fixed(key, kTwoIn5s, kSecond).remaining, 1);
  }
  EXPECT_EQ(table.fixed(64, kTwoIn5s, kSecond).remaining, 0);
}

TEST(CounterTable, SlidingWindowWeighsTheOneBefore) {
  CounterTable table(64);
  CounterTable::Limit limit{10, 10 * kSecond};
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(table.sliding(7, limit, 100 * kSecond).admitted);
  EXPECT_FALSE(table.sliding(7, limit, 109 * kSecond).admitted);
  // Half of the next window: five of the ten are still covered.
  int64_t half = 115 * kSecond;
  EXPECT_EQ(table.sliding(7, limit, half).remaining, 4);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(table.sliding(7, limit, half).admitted);
  CounterTable::Answer refused = table.sliding(7, limit, half);
  EXPECT_FALSE(refused.admitted);
  EXPECT_EQ(refused.reset_us, 0);
  // A whole window without requests: all is free again.
  EXPECT_EQ(table.sliding(7, limit, 135 * kSecond).remaining, 9);
}

TEST(CounterTable, SlidingRefusalSaysWhenTheWindowEnds) {
  CounterTable table(64);
  CounterTable::Limit limit{1, 10 * kSecond};
  EXPECT_TRUE(table.sliding(7, limit, 103 * kSecond).admitted);
  EXPECT_EQ(table.sliding(7, limit, 104 * kSecond).reset_us, 6 * kSecond);
}

TEST(CounterTable, AClockThatJumpsBackHarmsNothing) {
  CounterTable table(64);
  CounterTable::Limit limit{2, 10 * kSecond};
  EXPECT_TRUE(table.sliding(7, limit, 200 * kSecond).admitted);
  EXPECT_TRUE(table.sliding(7, limit, 100 * kSecond).admitted);
  EXPECT_FALSE(table.sliding(7, limit, 100 * kSecond).admitted);
}

TEST(CounterTable, AFullNeighbourhoodGivesUpTheOldest) {
  CounterTable table(8);
  for (uint64_t key = 1; key <= 8; ++key) {
    table.fixed(key, kTwoIn5s, kSecond + static_cast<int64_t>(key));
  }
  EXPECT_EQ(table.evictions(), 0u);
  EXPECT_EQ(table.fixed(100, kTwoIn5s, 2 * kSecond).remaining, 1);
  EXPECT_EQ(table.evictions(), 1u);
  EXPECT_EQ(table.fixed(8, kTwoIn5s, 2 * kSecond).remaining, 0);
  EXPECT_EQ(table.fixed(1, kTwoIn5s, 2 * kSecond).remaining, 1);
}

TEST(CounterTable, WindowsThatAreOverMakeRoom) {
  CounterTable table(8);
  for (uint64_t key = 1; key <= 100; ++key) {
    table.fixed(key, kTwoIn5s, static_cast<int64_t>(key) * 5 * kSecond);
  }
  EXPECT_EQ(table.evictions(), 0u);
}

TEST(CounterTable, AllThreadsCountAsOne) {
  CounterTable table(64);
  CounterTable::Limit limit{10'000, 3600 * kSecond};
  std::atomic<int> admitted{0};
  auto work = [&] {
    for (int i = 0; i < 8'000; ++i) {
      if (table.fixed(7, limit, kSecond + i).admitted) ++admitted;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(admitted, 10'000);
}

TEST(CounterTable, WindowsRollOnceForAllThreads) {
  CounterTable table(64);
  CounterTable::Limit limit{5, 10};
  std::atomic<int> admitted{0};
  auto work = [&] {
    for (int64_t now = 1'000; now < 101'000; ++now) {
      if (table.sliding(7, limit, now).admitted) ++admitted;
    }
  };
  std::thread first(work);
  std::thread second(work);
  first.join();
  second.join();
  EXPECT_LE(admitted, 2 * 10'000 * 5);
  EXPECT_GT(admitted, 10'000);
}

}  // namespace
}  // namespace pylon::plugins
