#include "gateway/debug_file.h"

#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "base/yaml.h"
#include "observe/log.h"

namespace pylon::gateway {

using observe::Level;

bool DebugFile::look() {
  struct stat status {};
  if (stat(path_.c_str(), &status) != 0) {
    bytes_ = -1;
    basic_ = false;
    return false;
  }
  int64_t modified_ns = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
  if (modified_ns == modified_ns_ && status.st_size == bytes_ && status.st_ino == inode_) {
    return basic_;
  }
  modified_ns_ = modified_ns;
  bytes_ = status.st_size;
  inode_ = status.st_ino;
  read();
  return basic_;
}

void DebugFile::read() {
  constexpr size_t kEndBytes = 10;
  std::ifstream file(path_);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  size_t end = text.size() > kEndBytes ? text.size() - kEndBytes : 0;
  if (text.find("#END", end) == text.npos) {
    observe::log(Level::warn, "missing valid end flag in file {}", path_);
    return;
  }
  Result<YamlDocument> document = parse_yaml(text);
  if (!document) {
    observe::log(Level::error, "{}: {}", path_, document.error().message);
    return;
  }
  auto enabled = [&](std::string_view section) {
    const Json* found = document->value.find(section);
    const Json* enable = found != nullptr ? found->find("enable") : nullptr;
    return enable != nullptr && enable->as_bool();
  };
  bool before = basic_;
  basic_ = enabled("basic");
  if (basic_ != before) {
    observe::log(Level::notice, "basic debug mode is {}", basic_ ? "on" : "off");
  }
  if (enabled("hook_conf")) {
    observe::log(Level::warn, "{}: hook_conf has no effect: there is no Lua code to hook", path_);
  }
}

}  // namespace pylon::gateway
