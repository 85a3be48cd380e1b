#include "async/frame_pool.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <utility>

namespace pylon::async {

thread_local constinit FramePool::Stock FramePool::stock_;

// Frees a thread's stock when the thread ends. Frames released after that find the stock full.
struct StockKeeper {
  ~StockKeeper() {
    for (FramePool::Node*& list : FramePool::stock_.free) {
      while (list != nullptr) std::free(std::exchange(list, list->next));
    }
    std::fill(std::begin(FramePool::stock_.kept_bytes), std::end(FramePool::stock_.kept_bytes),
              FramePool::kKeepBytes);
  }
  void wake() {}
};

namespace {
thread_local StockKeeper keeper;
}

void* FramePool::allocate_new(size_t bytes) {
  keeper.wake();
  stock_.largest = std::max(stock_.largest, bytes);
  void* frame = std::malloc(class_of(bytes) * kGrain);
  if (frame == nullptr) throw std::bad_alloc();
  return frame;
}

void FramePool::free_now(void* frame) { std::free(frame); }

}  // namespace pylon::async
