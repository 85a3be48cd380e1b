#include "base/arena.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace pylon {
namespace {

TEST(Arena, KeepsAlignmentAndContent) {
  Arena arena;
  char* first = arena.bytes(3);
  std::memcpy(first, "abc", 3);
  auto* number = arena.make<uint64_t>(7u);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(number) % alignof(uint64_t), 0u);
  void* page = arena.allocate(10, 256);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(page) % 256, 0u);
  EXPECT_EQ(std::string_view(first, 3), "abc");
  EXPECT_EQ(*number, 7u);
  EXPECT_EQ(arena.join("x", "yz", "!"), "xyz!");
  EXPECT_EQ(arena.copy("copied"), "copied");
}

TEST(Arena, GrowsByDoublingAndTakesLargeRequests) {
  Arena arena;
  arena.bytes(10);
  EXPECT_EQ(arena.bytes_reserved(), Arena::kBlockBytes);
  for (int i = 0; i < 100; ++i) arena.bytes(1000);
  EXPECT_LE(arena.bytes_reserved(), 300'000u);
  char* large = arena.bytes(1 << 20);
  std::memset(large, 'x', 1 << 20);
  EXPECT_GE(arena.bytes_reserved(), size_t{1} << 20);
  arena.reset();
  EXPECT_EQ(arena.bytes_reserved(), 0u);
}

TEST(Arena, ReusesBlocksOfTheThread) {
  void* before = nullptr;
  {
    Arena arena;
    before = arena.allocate(8);
  }
  Arena next;
  EXPECT_EQ(next.allocate(8), before);
}

TEST(Arena, OutlivesTheStockOfItsThread) {
  // Made before the thread's stock, so destroyed after it.
  std::thread([] {
    static thread_local Arena late;
    late.bytes(100);
  }).join();
}

TEST(Arena, ManyArenasAtOnceStayWithinTheStock) {
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<Arena>> arenas;
    for (int i = 0; i < 2000; ++i) {
      arenas.push_back(std::make_unique<Arena>());
      arenas.back()->bytes(900);
    }
  }
}

}  // namespace
}  // namespace pylon
