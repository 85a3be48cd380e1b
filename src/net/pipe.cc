#include "net/pipe.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace pylon::net {
namespace {

constexpr size_t kMostIdle = 8;
constexpr int kMostOpen = 256;

}  // namespace

// The pipes of a thread.
struct Pipes {
  std::vector<std::unique_ptr<Pipe>> idle;
  size_t spare = 0;  // the fewest that were idle at once since the last close_spare_pipes()
  int open = 0;

  static Pipes& of_thread() {
    static thread_local Pipes pipes;
    return pipes;
  }

  std::unique_ptr<Pipe> make() {
    int ends[2];
    if (open >= Pipe::most_open() || ::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return nullptr;
    open++;
    // Segments of a network are smaller than a pipe's slots: more slots. Without them it works too.
    fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(Pipe::kBytes));
    return std::unique_ptr<Pipe>(new Pipe(ends[1], ends[0]));
  }
};

Pipe::~Pipe() {
  ::close(in_);
  ::close(out_);
}

ssize_t Pipe::fill(int socket, size_t at_most) {
  ssize_t moved = ::splice(socket, nullptr, in_, nullptr, std::min(at_most, kBytes),
                           SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (moved > 0) size_ += static_cast<size_t>(moved);
  return moved;
}

ssize_t Pipe::put(std::string_view octets) {
  ssize_t moved = ::write(in_, octets.data(), octets.size());
  if (moved > 0) size_ += static_cast<size_t>(moved);
  return moved;
}

ssize_t Pipe::drain(int socket) {
  ssize_t moved =
      ::splice(out_, nullptr, socket, nullptr, size_, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (moved > 0) size_ -= static_cast<size_t>(moved);
  return moved;
}

int Pipe::open_count() { return Pipes::of_thread().open; }

// Two descriptors each, and most of those there are belong to connections.
int Pipe::most_open() {
  static const int most = [] {
    rlimit files{};
    getrlimit(RLIMIT_NOFILE, &files);
    return static_cast<int>(std::min<rlim_t>(kMostOpen, files.rlim_cur / 64));
  }();
  return most;
}

void PipeReturn::operator()(Pipe* pipe) const {
  std::unique_ptr<Pipe> owned(pipe);
  Pipes& pipes = Pipes::of_thread();
  if (pipe->size() == 0 && pipes.idle.size() < kMostIdle) {
    pipes.idle.push_back(std::move(owned));
  } else {
    pipes.open--;
  }
}

PipeLease take_pipe() {
  Pipes& pipes = Pipes::of_thread();
  if (pipes.idle.empty()) return PipeLease(pipes.make().release());
  PipeLease taken(pipes.idle.back().release());
  pipes.idle.pop_back();
  pipes.spare = std::min(pipes.spare, pipes.idle.size());
  return taken;
}

void close_spare_pipes() {
  Pipes& pipes = Pipes::of_thread();
  pipes.open -= static_cast<int>(pipes.spare);
  pipes.idle.resize(pipes.idle.size() - pipes.spare);
  pipes.spare = pipes.idle.size();
}

}  // namespace pylon::net
