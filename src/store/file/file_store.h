// FileStore: the configuration in a file, apisix.yaml or apisix.json, that somebody else writes.
//
// The file is looked at once a second and read when it is another one: by time, size and inode, so
// that a file renamed over it is seen too. apisix.yaml must end with `#END`, so that half a file is
// never taken. A file that cannot be read, and an item that is wrong, change nothing of what they
// are about: the last good version stays in force, and faults() tells why.
// Source: APISIX docs, deployment modes, file-driven standalone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/environment.h"
#include "store/file/held_store.h"

namespace pylon::store {

enum class FileFormat : uint8_t { yaml, json };

struct FileOptions {
  std::string path;
  FileFormat format = FileFormat::yaml;
  DocumentRules rules;
  Environment environment;
};

// The document of such a file, with the environment's variables in it. The error says what is wrong
// with it, with the line where that is known.
Result<Json> parse_document(std::string_view text, FileFormat format,
                            const Environment& environment);

class FileStore final : public HeldStore {
 public:
  // Reads the file; without it the store starts empty.
  FileStore(FileOptions options, const Clock& clock);

  void on_timer() override;
  std::optional<std::string> missing() const override;

 private:
  // What tells one content of the file from another without reading it.
  struct Stamp {
    int64_t modified_ns = 0;
    int64_t bytes = -1;
    uint64_t inode = 0;
    bool operator==(const Stamp&) const = default;
  };
  Result<Stamp> stamp() const;
  void look();
  void read();

  FileOptions options_;
  const Clock& clock_;
  Stamp seen_;
  uint64_t digest_ = 0;     // of the text read last
  bool may_change_ = true;  // the stamp is so young that a change may not show in it
  bool loaded_ = false;
};

}  // namespace pylon::store
