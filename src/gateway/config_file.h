// config.yaml on disk: where it is, what it says, and the admin key that is written back into it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "gateway/settings.h"

namespace pylon::gateway {

struct ConfigFile {
  std::string path;    // "conf/config.yaml"
  std::string prefix;  // what relative paths in it are relative to

  // `given` (of -c) is relative to the working directory; without it the file is
  // PREFIX/conf/config.yaml, or config-NAME.yaml with APISIX_PROFILE=NAME.
  static ConfigFile locate(const std::string& prefix, const std::string& given,
                           const Environment& environment);
};

struct LoadedConfig {
  std::string text;  // of the file, generated keys included
  ParsedSettings parsed;
  Secret new_key;              // an admin key that was just generated; usually empty
  bool new_key_saved = false;  // it stands in the file now

  bool ok() const { return parsed.ok(); }
};

// Reads and checks the file. With `fill_keys`, empty admin keys are generated and written back;
// `known_key`, if there is one, is taken in place of a new one (the file could not be written).
// A file that cannot be read is a finding.
struct LoadOptions {
  bool fill_keys = false;
  Secret known_key;
};
LoadedConfig load_config(const ConfigFile& file, const Environment& environment,
                         const LoadOptions& options);

// The same from a text that was loaded before (in the gateway process).
ParsedSettings parse_config(std::string_view text, const ConfigFile& file,
                            const Environment& environment);

Result<std::string> read_file(const std::string& path, size_t max_bytes);
// In one step where the file system allows it: readers see the old text or the new.
Result<void> replace_file(const std::string& path, std::string_view text);

}  // namespace pylon::gateway
