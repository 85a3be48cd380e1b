#include "http/server.h"

#include <atomic>

namespace pylon::http {

uint64_t next_connection_id() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace pylon::http
