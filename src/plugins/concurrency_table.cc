#include "plugins/concurrency_table.h"

#include <new>

namespace pylon::plugins {

ConcurrencyTable::ConcurrencyTable(size_t cells)
    : mask_(cells - 1), cells_(static_cast<Cell*>(std::calloc(cells, sizeof(Cell)))) {
  if (cells_ == nullptr) throw std::bad_alloc();
}

// Two that begin the same key at once choose the same free cell: one of them fails to take it,
// looks again and finds the other's.
ConcurrencyTable::Answer ConcurrencyTable::enter(uint64_t key, uint64_t most) {
  constexpr uint64_t kCount = (uint64_t{1} << kCountBits) - 1;
  uint64_t hash = key & ~kCount;
  size_t start = key & kCount;
  if (most > kMost) most = kMost;
  for (;;) {
    Cell* cell = nullptr;
    uint64_t seen = 0;
    uint32_t place = 0;
    for (size_t i = 0; i < kNear; i++) {
      size_t index = (start + i) & mask_;
      uint64_t value = cells_[index].load(std::memory_order_acquire);
      bool same = (value & kCount) != 0 && (value & ~kCount) == hash;
      bool first_free = cell == nullptr && (value & kCount) == 0;
      if (!same && !first_free) continue;
      cell = &cells_[index];
      seen = value;
      place = static_cast<uint32_t>(index);
      if (same) break;
    }
    if (cell == nullptr) {
      crowded_.fetch_add(1, std::memory_order_relaxed);
      return {};
    }
    uint64_t count = (seen & kCount) + 1;
    if (count > most) return {Entry::refused, 0, count - 1};
    if (cell->compare_exchange_strong(seen, hash | count, std::memory_order_acq_rel)) {
      return {Entry::admitted, place, count};
    }
  }
}

void ConcurrencyTable::leave(uint32_t place) {
  cells_[place].fetch_sub(1, std::memory_order_acq_rel);
}

}  // namespace pylon::plugins
