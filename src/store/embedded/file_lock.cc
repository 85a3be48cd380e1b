#include "store/embedded/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace pylon::store::embedded {
namespace {

constexpr int kRetryMs = 20;

bool lock_within(int fd, int wait_ms) {
  for (int waited_ms = 0;; waited_ms += kRetryMs) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK || waited_ms >= wait_ms) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(kRetryMs));
  }
}

std::string holder_of(int fd) {
  char pid[32] = {};
  ssize_t count = ::pread(fd, pid, sizeof pid - 1, 0);
  return count > 0 ? "process " + std::string(pid, strcspn(pid, "\n")) : "another process";
}

}  // namespace

Outcome<std::unique_ptr<FileLock>> FileLock::take(const std::string& store_path, int wait_ms) {
  std::string path = store_path + ".lock";
  int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return failed(Failure::Kind::unavailable,
                  "the store's lock " + path + " cannot be opened: " + std::strerror(errno));
  }
  std::unique_ptr<FileLock> lock(new FileLock(fd));
  if (!lock_within(fd, wait_ms)) {
    return failed(Failure::Kind::unavailable,
                  "the store " + store_path + " is in use by " + holder_of(fd));
  }
  // The name is only for the message above: the lock holds without it.
  std::string pid = std::to_string(::getpid()) + "\n";
  [[maybe_unused]] bool named =
      ::ftruncate(fd, 0) == 0 && ::pwrite(fd, pid.data(), pid.size(), 0) > 0;
  return lock;
}

FileLock::~FileLock() { ::close(fd_); }

}  // namespace pylon::store::embedded
