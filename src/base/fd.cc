#include "base/fd.h"

#include <cerrno>

namespace pylon {

bool Fd::write_all(std::string_view text) const {
  while (!text.empty()) {
    ssize_t count = ::write(fd_, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

}  // namespace pylon
