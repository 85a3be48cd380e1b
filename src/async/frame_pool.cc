#include "async/frame_pool.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

namespace pylon::async {
namespace {

struct Node {
  Node* next;
};

struct Stock {
  Node* free[FramePool::kClasses] = {};
  size_t kept_bytes[FramePool::kClasses] = {};
  size_t largest = 0;

  ~Stock() {
    for (Node*& list : free) {
      while (list != nullptr) std::free(std::exchange(list, list->next));
    }
  }
};

thread_local Stock stock;

size_t class_of(size_t bytes) { return (bytes + FramePool::kGrain - 1) / FramePool::kGrain; }

}  // namespace

void* FramePool::allocate(size_t bytes) {
  size_t size_class = class_of(bytes);
  if (size_class < kClasses) {
    if (Node* node = stock.free[size_class]) [[likely]] {
      stock.free[size_class] = node->next;
      stock.kept_bytes[size_class] -= size_class * kGrain;
      return node;
    }
  }
  stock.largest = std::max(stock.largest, bytes);
  void* frame = std::malloc(size_class * kGrain);
  if (frame == nullptr) throw std::bad_alloc();
  return frame;
}

void FramePool::release(void* frame, size_t bytes) {
  size_t size_class = class_of(bytes);
  if (size_class >= kClasses || stock.kept_bytes[size_class] >= kKeepBytes) {
    std::free(frame);
    return;
  }
  auto* node = static_cast<Node*>(frame);
  node->next = stock.free[size_class];
  stock.free[size_class] = node;
  stock.kept_bytes[size_class] += size_class * kGrain;
}

size_t FramePool::largest_frame() { return stock.largest; }

}  // namespace pylon::async
