// bury(): the end of a stream that events of this turn may still name.
#pragma once

#include <memory>
#include <utility>

#include "net/loop.h"
#include "net/stream.h"

namespace pylon::net {

// Closes it at once, without a reset, and deletes it at the end of the turn. Null is nothing.
inline void bury(Loop& loop, std::unique_ptr<Stream> stream) {
  struct Grave final : Retirable {
    explicit Grave(std::unique_ptr<Stream> dead) : stream(std::move(dead)) {}
    std::unique_ptr<Stream> stream;
  };
  if (stream == nullptr) return;
  stream->set_waker(nullptr);
  stream->close(false);
  loop.retire(new Grave(std::move(stream)));
}

}  // namespace pylon::net
