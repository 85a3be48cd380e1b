// ExchangeMemory: an exchange with its arena. Protocols derive their per-request state from it; it
// comes from the thread's frame pool, so that a request costs no malloc.
#pragma once

#include <cstddef>

#include "async/frame_pool.h"
#include "http/exchange.h"

namespace pylon::http {

struct ExchangeMemory {
  Arena arena;
  Exchange exchange{arena};

  static void* operator new(size_t bytes) { return async::FramePool::allocate(bytes); }
  static void operator delete(void* memory, size_t bytes) {
    async::FramePool::release(memory, bytes);
  }
};

}  // namespace pylon::http
