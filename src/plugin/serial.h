// Numbers that name an object for the life of the process, whatever its address.
#pragma once

#include <atomic>
#include <cstdint>

namespace pylon::plugin {

inline uint64_t next_serial() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace pylon::plugin
