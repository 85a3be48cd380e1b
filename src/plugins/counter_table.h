// CounterTable: the counters of limit-count with policy `local`, shared by all workers.
//
// One of the few things that workers write together: a fixed table of cells, each a few atomics, so
// that all workers count as one and no memory is taken per key. A key is known by its 64-bit hash
// (seeded per process: nobody can aim at a cell). When the eight cells that a key may lie in are
// all in use, the one that ends soonest is given up; evictions() counts that. Any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace pylon::plugins {

class CounterTable {
 public:
  static constexpr std::string_view kService = "limit-count counters";  // plugin::Services

  static constexpr size_t kCells = 1 << 18;  // 8 MiB, backed by the kernel as cells are touched

  struct Limit {
    int64_t count = 0;
    int64_t window_us = 0;
  };
  struct Answer {
    bool admitted = false;
    int64_t remaining = 0;  // of the quota after this request; 0 when refused
    int64_t reset_us = 0;   // until the window ends, or (sliding, refused) there is room again
  };

  explicit CounterTable(size_t cells = kCells);  // a power of two, at least 8

  // A window begins with the first request after the last one's end. `now_us` is monotonic.
  Answer fixed(uint64_t key, Limit limit, int64_t now_us);
  // Windows lie on multiples of their length on the wall clock; the one before counts by the share
  // of it that the sliding window still covers. A refused request is not counted.
  Answer sliding(uint64_t key, Limit limit, int64_t wall_us);

  uint64_t evictions() const { return evictions_.load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kNear = 8;
  static constexpr int64_t kBusy = -1;  // an end: one thread sets the cell up, the others wait

  struct Cell {
    std::atomic<uint64_t> key{0};  // 0: free
    std::atomic<int64_t> end_us{0};
    std::atomic<int64_t> count{0};
    std::atomic<int64_t> last_count{0};  // sliding: of the window before
  };

  Cell& find(uint64_t key, int64_t now_us);
  Cell* lookup(uint64_t key, int64_t now_us, Cell*& victim);
  bool claim(Cell& cell, uint64_t key, int64_t now_us);
  static int64_t await_end(const Cell& cell);
  static Answer admit_sliding(Cell& cell, Limit limit, int64_t left_us);

  struct Free {
    void operator()(Cell* cells) const { std::free(cells); }
  };

  size_t mask_;
  std::unique_ptr<Cell[], Free> cells_;
  std::atomic<uint64_t> evictions_{0};
};

}  // namespace pylon::plugins
