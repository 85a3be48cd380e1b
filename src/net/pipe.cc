#include "net/pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <vector>

namespace pylon::net {
namespace {

constexpr size_t kMostIdle = 8;  // of a thread
std::atomic<int> leased_pipes = 0;

}  // namespace

// The idle pipes of a thread.
struct Pipes {
  std::vector<std::unique_ptr<Pipe>> idle;

  static Pipes& of_thread() {
    static thread_local Pipes pipes;
    return pipes;
  }

  static std::unique_ptr<Pipe> make() {
    int ends[2];
    if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return nullptr;
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

ssize_t Pipe::drain(int socket) {
  ssize_t moved =
      ::splice(out_, nullptr, socket, nullptr, size_, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (moved > 0) size_ -= static_cast<size_t>(moved);
  return moved;
}

int Pipe::leased() { return leased_pipes.load(std::memory_order_relaxed); }

void PipeReturn::operator()(Pipe* pipe) const {
  leased_pipes.fetch_sub(1, std::memory_order_relaxed);
  std::unique_ptr<Pipe> owned(pipe);
  std::vector<std::unique_ptr<Pipe>>& idle = Pipes::of_thread().idle;
  if (pipe->size() == 0 && idle.size() < kMostIdle) idle.push_back(std::move(owned));
}

PipeLease take_pipe() {
  if (leased_pipes.fetch_add(1, std::memory_order_relaxed) >= Pipe::kMostLeased) {
    leased_pipes.fetch_sub(1, std::memory_order_relaxed);
    return nullptr;
  }
  std::vector<std::unique_ptr<Pipe>>& idle = Pipes::of_thread().idle;
  if (idle.empty()) {
    std::unique_ptr<Pipe> fresh = Pipes::make();
    if (fresh == nullptr) leased_pipes.fetch_sub(1, std::memory_order_relaxed);
    return PipeLease(fresh.release());
  }
  PipeLease taken(idle.back().release());
  idle.pop_back();
  return taken;
}

}  // namespace pylon::net
