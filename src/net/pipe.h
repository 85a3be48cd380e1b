// Pipe: a pipe of the kernel, through which octets go from one TCP connection to another without
// being copied into the process. Source: splice(2).
//
// Whoever has octets to pass on takes a pipe of the thread's, fills it, drains it, and gives it
// back; what the receiver does not take yet waits in it. How many may be out at once is bounded for
// the whole process, as what they hold is memory of the kernel's that no connection is charged for.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>

namespace pylon::net {

class Pipe {
 public:
  static constexpr size_t kBytes = 256 << 10;  // the most that is put in at once

  ~Pipe();
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  // Both as read(2) and write(2), errno included. A pipe is filled only while it is empty: EAGAIN
  // then means that the socket is.
  ssize_t fill(int socket, size_t at_most);
  ssize_t drain(int socket);

  size_t size() const { return size_; }  // octets in it

  // In use by all threads, and how many of those there may be.
  static int leased();
  static constexpr int kMostLeased = 512;

 private:
  friend struct Pipes;
  Pipe(int in, int out) : in_(in), out_(out) {}

  int in_;
  int out_;
  size_t size_ = 0;
};

// Gives the pipe back to the thread's, or closes it when it still holds something.
struct PipeReturn {
  void operator()(Pipe* pipe) const;
};
using PipeLease = std::unique_ptr<Pipe, PipeReturn>;

// An empty pipe; null when too many are out, or no descriptors are left.
PipeLease take_pipe();

}  // namespace pylon::net
