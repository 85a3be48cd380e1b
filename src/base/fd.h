// Fd: owns a file descriptor.
#pragma once

#include <unistd.h>

#include <string_view>
#include <utility>

namespace pylon {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  ~Fd() { reset(); }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

  // To a blocking descriptor; false with errno set when not all could be written.
  bool write_all(std::string_view text) const;

 private:
  int fd_ = -1;
};

}  // namespace pylon
