#include "base/arena.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>

namespace pylon {
namespace {

constexpr size_t kLargestStockedBytes = 64 * 1024;
constexpr size_t kSizes = 7;                       // 1 KiB, 2 KiB, ... 64 KiB
constexpr size_t kStockBytesPerSize = 256 * 1024;  // at most kept per thread and size

// Blocks given back on this thread, ready for the next arena. Linked through their first word.
class Stock {
 public:
  ~Stock() {
    for (void* block : heads_) {
      while (block != nullptr) std::free(std::exchange(block, *static_cast<void**>(block)));
    }
    heads_ = {};  // an arena that outlives the thread's stock finds it empty and full
    kept_bytes_.fill(kStockBytesPerSize);
  }

  void* take(size_t bytes) {
    size_t size = index_of(bytes);
    void* block = heads_[size];
    if (block == nullptr) return nullptr;
    heads_[size] = *static_cast<void**>(block);
    kept_bytes_[size] -= bytes;
    return block;
  }

  bool give(void* block, size_t bytes) {
    size_t size = index_of(bytes);
    if (kept_bytes_[size] + bytes > kStockBytesPerSize) return false;
    *static_cast<void**>(block) = heads_[size];
    heads_[size] = block;
    kept_bytes_[size] += bytes;
    return true;
  }

 private:
  static size_t index_of(size_t bytes) {
    return static_cast<size_t>(std::countr_zero(bytes / Arena::kBlockBytes));
  }

  std::array<void*, kSizes> heads_{};
  std::array<size_t, kSizes> kept_bytes_{};
};

thread_local Stock stock;

}  // namespace

void* Arena::allocate_slow(size_t bytes, size_t align) {
  size_t needed = bytes + align + sizeof(Block);
  size_t size = last_ == nullptr ? kBlockBytes : std::min(last_->bytes * 2, kLargestStockedBytes);
  while (size < needed && size < kLargestStockedBytes) size *= 2;
  bool stocked = needed <= size;
  if (!stocked) size = needed;
  void* memory = stocked ? stock.take(size) : nullptr;
  if (memory == nullptr) memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  auto* block = new (memory) Block{last_, size};
  last_ = block;
  reserved_ += size;
  next_ = static_cast<char*>(memory) + sizeof(Block);
  end_ = static_cast<char*>(memory) + size;
  return allocate(bytes, align);
}

void Arena::reset() {
  while (last_ != nullptr) {
    Block* block = std::exchange(last_, last_->previous);
    size_t bytes = block->bytes;
    bool stocked = std::has_single_bit(bytes) && bytes <= kLargestStockedBytes;
    if (!stocked || !stock.give(block, bytes)) std::free(block);
  }
  next_ = nullptr;
  end_ = nullptr;
  reserved_ = 0;
}

}  // namespace pylon
