#include "gateway/settings_report.h"

namespace pylon::gateway {
namespace {

constexpr size_t kMaxFindings = 100;

// "a.b[0].c" as "/a/b/0/c".
std::string pointer_of(std::string_view path) {
  std::string pointer = path.empty() ? "" : "/";
  for (char c : path) {
    if (c == '.' || c == '[') {
      pointer += '/';
    } else if (c != ']') {
      pointer += c;
    }
  }
  return pointer;
}

}  // namespace

void Report::add_at(bool error, std::string_view pointer, std::string_view path,
                    std::string message) {
  uint32_t line = document_.line_of(pointer);
  while (line == 0 && !pointer.empty()) {
    pointer = pointer.substr(0, pointer.rfind('/'));
    if (!pointer.empty()) line = document_.line_of(pointer);
  }
  Finding finding{
      .error = error, .line = line, .key = std::string(path), .message = std::move(message)};
  if (findings_.size() < kMaxFindings) {
    findings_.push_back(std::move(finding));
  } else if (error && !findings_.back().error) {
    findings_.back() = std::move(finding);
  }
}

void Report::add(bool error, std::string_view path, std::string message) {
  add_at(error, pointer_of(path), path, std::move(message));
}

}  // namespace pylon::gateway
