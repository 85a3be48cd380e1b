#include "plugins/counter_table.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>
#include <thread>

namespace pylon::plugins {
namespace {

// A share of the window before that is still covered, and what the quota leaves beside it.
struct Sliding {
  double last_rate;  // requests per microsecond in the window before
  double covered;    // of its requests
};

Sliding slide(int64_t last_count, CounterTable::Limit limit, int64_t left_us) {
  double last = static_cast<double>(std::min(last_count, limit.count));
  double rate = last / static_cast<double>(limit.window_us);
  return {rate, rate * static_cast<double>(left_us)};
}

// How long until one more request fits, when the present window alone is not the reason.
int64_t wait_us(const Sliding& slide, CounterTable::Limit limit, int64_t count, int64_t left_us) {
  if (count >= limit.count || slide.last_rate == 0) return left_us;
  double room = static_cast<double>(limit.count - count) / slide.last_rate;
  return std::max<int64_t>(0, left_us - static_cast<int64_t>(room));
}

}  // namespace

// Zeroed memory that nobody has touched is not there yet; a constructed array would be.
CounterTable::CounterTable(size_t cells)
    : mask_(cells - 1), cells_(static_cast<Cell*>(std::calloc(cells, sizeof(Cell)))) {
  if (cells_ == nullptr) throw std::bad_alloc();
}

int64_t CounterTable::await_end(const Cell& cell) {
  for (int spins = 0;; ++spins) {
    int64_t end = cell.end_us.load(std::memory_order_acquire);
    if (end != kBusy) return end;
    if (spins > 100) std::this_thread::yield();
  }
}

// The key's cell, or the best one to give to it: the first that is free or over, else the one that
// ends soonest.
CounterTable::Cell* CounterTable::lookup(uint64_t key, int64_t now_us, Cell*& victim) {
  int64_t soonest = std::numeric_limits<int64_t>::max();
  for (size_t i = 0; i < kNear; ++i) {
    Cell& cell = cells_[(key + i) & mask_];
    int64_t end = await_end(cell);
    uint64_t held = cell.key.load(std::memory_order_acquire);
    if (held == key) return &cell;
    if (held == 0 || end <= now_us) end = 0;
    if (end < soonest) {
      soonest = end;
      victim = &cell;
    }
  }
  return nullptr;
}

bool CounterTable::claim(Cell& cell, uint64_t key, int64_t now_us) {
  int64_t end = await_end(cell);
  if (!cell.end_us.compare_exchange_strong(end, kBusy, std::memory_order_acq_rel)) return false;
  if (end > now_us) evictions_.fetch_add(1, std::memory_order_relaxed);
  cell.count.store(0, std::memory_order_relaxed);
  cell.last_count.store(0, std::memory_order_relaxed);
  cell.key.store(key, std::memory_order_release);
  cell.end_us.store(0, std::memory_order_release);
  return true;
}

CounterTable::Cell& CounterTable::find(uint64_t key, int64_t now_us) {
  while (true) {
    Cell* victim = nullptr;
    if (Cell* cell = lookup(key, now_us, victim)) return *cell;
    if (claim(*victim, key, now_us)) return *victim;
  }
}

CounterTable::Answer CounterTable::fixed(uint64_t key, Limit limit, int64_t now_us) {
  key = std::max<uint64_t>(key, 1);
  while (true) {
    Cell& cell = find(key, now_us);
    int64_t end = await_end(cell);
    if (end <= now_us) {
      if (!cell.end_us.compare_exchange_strong(end, kBusy, std::memory_order_acq_rel)) continue;
      cell.count.store(0, std::memory_order_relaxed);
      end = now_us + limit.window_us;
      cell.end_us.store(end, std::memory_order_release);
    }
    int64_t used = cell.count.fetch_add(1, std::memory_order_acq_rel) + 1;
    if (cell.key.load(std::memory_order_acquire) != key) {  // given to another key meanwhile
      cell.count.fetch_sub(1, std::memory_order_relaxed);
      continue;
    }
    return {used <= limit.count, std::max<int64_t>(0, limit.count - used), end - now_us};
  }
}

CounterTable::Answer CounterTable::admit_sliding(Cell& cell, Limit limit, int64_t left_us) {
  Sliding last = slide(cell.last_count.load(std::memory_order_relaxed), limit, left_us);
  int64_t count = cell.count.load(std::memory_order_relaxed);
  while (static_cast<double>(count) + last.covered < static_cast<double>(limit.count)) {
    if (!cell.count.compare_exchange_weak(count, count + 1, std::memory_order_acq_rel)) continue;
    double remaining = std::floor(static_cast<double>(limit.count - count - 1) - last.covered);
    return {true, std::max<int64_t>(0, static_cast<int64_t>(remaining)), left_us};
  }
  return {false, 0, wait_us(last, limit, count, left_us)};
}

CounterTable::Answer CounterTable::sliding(uint64_t key, Limit limit, int64_t wall_us) {
  key = std::max<uint64_t>(key, 1);
  int64_t window_end = (wall_us / limit.window_us + 1) * limit.window_us;
  while (true) {
    // A cell is over when the window after its own is, too: until then its count is still needed.
    Cell& cell = find(key, wall_us - limit.window_us);
    int64_t end = await_end(cell);
    if (end < window_end) {
      if (!cell.end_us.compare_exchange_strong(end, kBusy, std::memory_order_acq_rel)) continue;
      bool adjacent = end == window_end - limit.window_us;
      int64_t last = adjacent ? cell.count.load(std::memory_order_relaxed) : 0;
      cell.last_count.store(last, std::memory_order_relaxed);
      cell.count.store(0, std::memory_order_relaxed);
      cell.end_us.store(window_end, std::memory_order_release);
    }
    if (cell.key.load(std::memory_order_acquire) != key) continue;
    return admit_sliding(cell, limit, window_end - wall_us);
  }
}

}  // namespace pylon::plugins
