// ConcurrencyTable: how many are under way of each key, counted by all workers together.
//
// A fixed table of atomics, each a hash and its count in one word: no lock, no memory per key. A
// key may lie in one of eight cells, and a cell is free again when its count is 0. With all eight
// taken by other keys, enter() fails and crowded() counts that. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace pylon::plugins {

class ConcurrencyTable {
 public:
  static constexpr size_t kCells = 1 << 18;                   // 2 MiB, backed as cells are touched
  static constexpr uint64_t kMost = (uint64_t{1} << 20) - 2;  // of one key

  enum class Entry : uint8_t { admitted, refused, crowded };
  struct Answer {
    Entry entry = Entry::crowded;
    uint32_t place = 0;  // of one that was admitted: for leave()
    uint64_t count = 0;  // under way with it
  };

  explicit ConcurrencyTable(size_t cells = kCells);  // a power of two, at least 8

  // `most`: how many may be under way with this one.
  Answer enter(uint64_t key, uint64_t most);
  void leave(uint32_t place);

  uint64_t crowded() const { return crowded_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kNear = 8;
  static constexpr int kCountBits = 20;
  using Cell = std::atomic<uint64_t>;  // hash above, count below; a count of 0: free

  struct Free {
    void operator()(Cell* cells) const { std::free(cells); }
  };

  size_t mask_;
  std::unique_ptr<Cell[], Free> cells_;
  std::atomic<uint64_t> crowded_{0};
};

}  // namespace pylon::plugins
