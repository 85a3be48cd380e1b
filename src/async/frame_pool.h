// FramePool: where coroutine frames live. One freelist per size class and thread.
//
// A request allocates a frame or two; taking them from here costs a few instructions. What is given
// back beyond kKeepBytes per class goes to the heap, so the stock stays bounded.
#pragma once

#include <cstddef>
#include <new>

namespace pylon::async {

class FramePool {
 public:
  static constexpr size_t kGrain = 64;
  static constexpr size_t kClasses = 64;           // frames below 4 KiB are pooled
  static constexpr size_t kKeepBytes = 512 << 10;  // kept per class and thread

  static void* allocate(size_t bytes) {
    size_t size_class = class_of(bytes);
    if (size_class < kClasses && stock_.free[size_class] != nullptr) [[likely]] {
      stock_.kept_bytes[size_class] -= size_class * kGrain;
      Node* node = stock_.free[size_class];
      stock_.free[size_class] = node->next;
      return node;
    }
    return allocate_new(bytes);
  }

  static void release(void* frame, size_t bytes) {
    size_t size_class = class_of(bytes);
    if (size_class < kClasses && stock_.kept_bytes[size_class] < kKeepBytes) [[likely]] {
      stock_.free[size_class] = new (frame) Node{stock_.free[size_class]};
      stock_.kept_bytes[size_class] += size_class * kGrain;
      return;
    }
    free_now(frame);
  }

  // The largest frame this thread ever asked for: a test keeps an eye on it.
  static size_t largest_frame() { return stock_.largest; }

 private:
  struct Node {
    Node* next;
  };
  // Needs no constructor and no destructor, so that the thread's own is reached directly.
  struct Stock {
    Node* free[kClasses] = {};
    size_t kept_bytes[kClasses] = {};
    size_t largest = 0;
  };
  friend struct StockKeeper;

  static size_t class_of(size_t bytes) { return (bytes + kGrain - 1) / kGrain; }
  static void* allocate_new(size_t bytes);
  static void free_now(void* frame);

  static thread_local constinit Stock stock_;
};

}  // namespace pylon::async
