// Stream: a bidirectional octet stream that never blocks: TCP here, TLS in tls/, memory in tests.
//
// read() and write() do what they can at once. `again` means that the stream's waker will be woken
// when it is worth trying anew; events set can_read()/can_write(), which spare a useless call. The
// stream owns its descriptor. Belongs to one loop.
//
// Octets that write() did not take are offered again, the same ones and before any others: TLS may
// have encrypted them already.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace pylon::net {

class Pipe;
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
  // write() of octets that shutdown_write() or close() follows at once, when all are taken: they
  // may leave together with the end mark. close() behind a mere write() may lose what it took, if
  // the peer does not read.
  virtual Io write_last(const iovec* parts, int count) { return write(parts, count); }
  // The same through a pipe, for octets that nobody looks at (net/pipe.h): read() into an empty
  // one, and write() of what is in it. Only if pipes().
  virtual bool pipes() const { return false; }
  virtual Io fill(Pipe& /*pipe*/, size_t /*at_most*/) { return {IoState::error}; }
  virtual Io drain(Pipe& /*pipe*/) { return {IoState::error}; }
  // Sends what is buffered below, then the end mark; the peer can still send.
  virtual void shutdown_write() = 0;
  // Closes at once. `reset`: the peer shall notice that something went wrong. Idempotent.
  virtual void close(bool reset) = 0;

  // From now on what comes may be received before read() asks for it (net/batch.h): for users who
  // read whatever comes, soon.
  virtual void receive_ahead() {}
  // Instead of read(): all octets that were received ahead, uncopied, if they are no more than
  // `at_most`. They lie there until the turn ends. Empty: there is nothing to lend; read() tells.
  virtual std::span<char> lend(size_t /*at_most*/) { return {}; }

  // A measure of what the peer has acknowledged, asked from the kernel now; only grows. `written`:
  // all octets that write() has taken.
  virtual uint64_t acknowledged(uint64_t written) const { return written; }
  // Of the octets that write() has taken, those that the kernel has not: they wait for the end of
  // the turn or for room, or were lost when the stream broke. close() loses what finds no room;
  // shutdown_write() keeps it, and may be called again to ask whether all has left.
  virtual size_t untaken() const { return 0; }
  // Whether the peer has sent anything for us, or an end mark, since the last read(). `thorough`:
  // asked from the kernel now, and can_read() tells the same then.
  virtual bool stirred(bool /*thorough*/) { return can_read_; }

  Io write(const char* octets, size_t size) {
    iovec part{const_cast<char*>(octets), size};
    return write(&part, 1);
  }
  Io write_last(const char* octets, size_t size) {
    iovec part{const_cast<char*>(octets), size};
    return write_last(&part, 1);
  }

  // Neither usable nor broken yet: the connection, or what TLS settles first, is under way.
  bool connecting() const { return connecting_; }
  bool can_read() const { return can_read_; }
  bool can_write() const { return can_write_; }
  // The peer's end mark was announced (all octets before it can still be read).
  bool peer_ended() const { return peer_ended_; }
  // What read() gave last was the last: the next one would tell the end. Not every stream knows.
  bool at_end() const { return at_end_; }
  // Both directions are gone: reset, or closed by us.
  bool broken() const { return broken_; }
  int error() const { return error_; }

  void set_waker(Waker* waker) { waker_ = waker; }

 protected:
  Waker* waker_ = nullptr;
  int error_ = 0;
  bool connecting_ = false;
  bool can_read_ = false;
  bool can_write_ = true;
  bool peer_ended_ = false;
  bool at_end_ = false;
  bool broken_ = false;
};

}  // namespace pylon::net
