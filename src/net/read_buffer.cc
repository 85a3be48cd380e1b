#include "net/read_buffer.h"

namespace pylon::net {

char* thread_read_buffer() {
  alignas(64) static thread_local char buffer[kReadBytes + 64];
  return buffer;
}

}  // namespace pylon::net
