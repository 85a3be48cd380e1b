// FileLock: one process per store. Held through a file beside the store, "<path>.lock", which names
// the holder; the kernel lets go of it when the holder dies, however that happens.
#pragma once

#include <memory>
#include <string>

#include "store/store.h"

namespace pylon::store::embedded {

class FileLock {
 public:
  // Waits up to `wait_ms` for the holder to let go (a gateway that is being replaced).
  static Outcome<std::unique_ptr<FileLock>> take(const std::string& store_path, int wait_ms);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace pylon::store::embedded
