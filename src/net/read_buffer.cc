#include "net/read_buffer.h"

namespace pylon::net {

ReadBuffer& ReadBuffer::of_thread() {
  static thread_local ReadBuffer buffer;
  return buffer;
}

}  // namespace pylon::net
