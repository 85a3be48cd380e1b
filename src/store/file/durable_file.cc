#include "store/file/durable_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/fd.h"

namespace pylon::store {
namespace {

tl::unexpected<Failure> broken(const std::string& path) {
  bool full = errno == ENOSPC || errno == EDQUOT;
  return failed(full ? Failure::Kind::full : Failure::Kind::unavailable,
                fmt::format("{}: {}", path, strerror(errno)));
}

}  // namespace

Outcome<void> write_durably(const std::string& path, std::string_view text) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  std::error_code ignored;  // opening the file tells it better
  std::filesystem::create_directories(folder, ignored);
  std::string beside = path + ".new";
  {
    Fd file(open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file.is_open() || !file.write_all(text) || fsync(file.get()) != 0) {
      return broken(beside);
    }
  }
  if (rename(beside.c_str(), path.c_str()) != 0) return broken(path);
  Fd entry(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!entry.is_open() || fsync(entry.get()) != 0) return broken(folder);
  return {};
}

Outcome<std::optional<std::string>> read_whole(const std::string& path) {
  Fd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open() && errno == ENOENT) return std::nullopt;
  if (!file.is_open()) return broken(path);
  std::string text;
  char buffer[64 << 10];
  ssize_t count = 0;
  while ((count = read(file.get(), buffer, sizeof buffer)) != 0) {
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return broken(path);
    text.append(buffer, static_cast<size_t>(count));
  }
  return text;
}

}  // namespace pylon::store
