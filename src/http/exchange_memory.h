// ExchangeMemory: an exchange with its arena. Protocols derive their per-request state from it; it
// comes from the thread's frame pool, so that a request costs no malloc.
#pragma once

#include <cstddef>
#include <memory>

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

// A new one, or what derives from it. std::make_unique would set all octets to zero before the
// members are initialised.
template <class Memory>
std::unique_ptr<Memory> make_exchange_memory() {
  return std::make_unique_for_overwrite<Memory>();
}

}  // namespace pylon::http
