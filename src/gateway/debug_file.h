// DebugFile: conf/debug.yaml, looked at once a second.
//
//   basic:
//     enable: true      # Apisix-Plugins on every answer: which plugins ran
//   #END
//
// Half a file is never taken: it must end with #END. Without the file it is off. Hooks into
// functions (hook_conf, http_filter) mean APISIX's own Lua code and have no effect here.
// Source: APISIX docs "Debug mode".
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace pylon::gateway {

class DebugFile {
 public:
  explicit DebugFile(std::string path) : path_(std::move(path)) {}

  // Reads the file if it is another one. Returns basic.enable.
  bool look();

 private:
  void read();

  std::string path_;
  int64_t modified_ns_ = -1;
  int64_t bytes_ = -1;
  uint64_t inode_ = 0;
  bool basic_ = false;
};

}  // namespace pylon::gateway
