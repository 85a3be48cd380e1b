// logs/pylon.pid: which supervisor runs on a prefix. The supervisor holds a lock on the file for as
// long as it lives, so a file left behind by a crash misleads nobody.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>

#include "base/fd.h"
#include "base/result.h"

namespace pylon::gateway {

// The process that holds the lock of the file at `path`, if one does.
std::optional<pid_t> running_pid(const std::string& path);

class PidFile {
 public:
  // Takes the lock and writes this process's id. Fails when another process has it.
  static Result<PidFile> take(const std::string& path);

  PidFile(PidFile&&) = default;
  PidFile& operator=(PidFile&&) = default;
  ~PidFile();  // removes the file

 private:
  PidFile(std::string path, Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}

  std::string path_;
  Fd fd_;
};

}  // namespace pylon::gateway
