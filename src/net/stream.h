// Stream: a bidirectional octet stream that never blocks. TCP here, TLS later, memory in tests.
//
// read() and write() do what they can at once. `again` means that the stream's waker will be woken
// when it is worth trying anew; events set can_read()/can_write(), which spare a useless call. The
// stream owns its descriptor. Belongs to one loop.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

namespace pylon::net {

class Waker;

enum class IoState : uint8_t {
  ok,     // `bytes` > 0 were moved
  again,  // nothing could be moved now
  end,    // read only: the peer has sent everything
  error,  // the connection is broken; `Stream::error()` tells errno
};

struct Io {
  IoState state;
  size_t bytes = 0;
};

class Stream {
 public:
  virtual ~Stream() = default;

  virtual Io read(char* into, size_t size) = 0;
  virtual Io write(const iovec* parts, int count) = 0;
  // Sends what is buffered below, then the end mark; the peer can still send.
  virtual void shutdown_write() = 0;
  // Closes at once. `reset`: the peer shall notice that something went wrong. Idempotent.
  virtual void close(bool reset) = 0;

  // Octets that write() took and the peer has not acknowledged yet, asked from the kernel now.
  virtual size_t undelivered() const { return 0; }

  Io write(const char* octets, size_t size) {
    iovec part{const_cast<char*>(octets), size};
    return write(&part, 1);
  }

  bool can_read() const { return can_read_; }
  bool can_write() const { return can_write_; }
  // The peer's end mark was announced (all octets before it can still be read).
  bool peer_ended() const { return peer_ended_; }
  // Both directions are gone: reset, or closed by us.
  bool broken() const { return broken_; }
  int error() const { return error_; }

  void set_waker(Waker* waker) { waker_ = waker; }

 protected:
  Waker* waker_ = nullptr;
  int error_ = 0;
  bool can_read_ = false;
  bool can_write_ = true;
  bool peer_ended_ = false;
  bool broken_ = false;
};

}  // namespace pylon::net
