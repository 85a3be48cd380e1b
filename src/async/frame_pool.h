// FramePool: where coroutine frames live. One freelist per size class and thread.
//
// A request allocates a frame or two; taking them from here costs a few instructions. What is given
// back beyond kKeepBytes per class goes to the heap, so the stock stays bounded.
#pragma once

#include <cstddef>

namespace pylon::async {

class FramePool {
 public:
  static constexpr size_t kGrain = 64;
  static constexpr size_t kClasses = 64;           // frames up to 4 KiB are pooled
  static constexpr size_t kKeepBytes = 512 << 10;  // kept per class and thread

  static void* allocate(size_t bytes);
  static void release(void* frame, size_t bytes);

  // The largest frame this thread ever asked for: a test keeps an eye on it.
  static size_t largest_frame();
};

}  // namespace pylon::async
