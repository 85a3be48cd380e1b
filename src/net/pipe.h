// Pipe: a pipe of the kernel, through which octets go from one TCP connection to another without
// being copied into the process. Source: splice(2).
//
// Whoever has octets to pass on takes a pipe of the thread's, fills it, drains it, and gives it
// back; what the receiver does not take yet waits in it. How many a thread may have open is
// bounded: they take descriptors, and what they hold is memory of the kernel's that no connection
// is charged for.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string_view>

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
  // What came out of a socket already, likewise into an empty pipe.
  ssize_t put(std::string_view octets);

  size_t size() const { return size_; }  // octets in it

  // Pipes that the thread has, in use or not, and how many those may be.
  static int open_count();
  static int most_open();

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

// An empty pipe; null when the thread may not have more, or no descriptors are left.
PipeLease take_pipe();

// Closes those pipes of the thread that nobody has taken since the last call.
void close_spare_pipes();

}  // namespace pylon::net
