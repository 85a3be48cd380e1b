#include "gateway/pid_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/strings.h"

namespace pylon::gateway {
namespace {

std::optional<pid_t> read_pid(int fd) {
  char text[32];
  ssize_t count = pread(fd, text, sizeof text, 0);
  std::string_view digits(text, count > 0 ? static_cast<size_t>(count) : 0);
  digits = digits.substr(0, digits.find('\n'));
  auto pid = parse_int(digits);
  if (!pid || *pid <= 0 || *pid > 1 << 30) return std::nullopt;
  return static_cast<pid_t>(*pid);
}

// The holder of the lock removes the file when it ends; then the lock we got is on a file without
// a name.
bool still_has_name(int fd, const std::string& path) {
  struct stat by_fd {};
  struct stat by_path {};
  return fstat(fd, &by_fd) == 0 && stat(path.c_str(), &by_path) == 0 &&
         by_fd.st_ino == by_path.st_ino && by_fd.st_dev == by_path.st_dev;
}

}  // namespace

std::optional<pid_t> running_pid(const std::string& path) {
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.is_open()) return std::nullopt;
  if (flock(fd.get(), LOCK_SH | LOCK_NB) == 0) return std::nullopt;
  return read_pid(fd.get());
}

Result<PidFile> PidFile::take(const std::string& path) {
  while (true) {
    Fd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (!fd.is_open()) {
      return fail(fmt::format("{} cannot be written: {}", path, strerror(errno)));
    }
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      return fail(fmt::format("Pylon is already running here (process {})",
                              read_pid(fd.get()).value_or(0)));
    }
    if (!still_has_name(fd.get(), path)) continue;
    std::string text = fmt::format("{}\n", getpid());
    if (ftruncate(fd.get(), 0) != 0 ||
        pwrite(fd.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
      return fail(fmt::format("{} cannot be written: {}", path, strerror(errno)));
    }
    return PidFile(path, std::move(fd));
  }
}

PidFile::~PidFile() {
  if (fd_.is_open()) unlink(path_.c_str());
}

}  // namespace pylon::gateway
