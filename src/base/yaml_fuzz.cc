// Any text gives a value or an error with a line; values can be written as JSON.
#include <cstdlib>

#include "base/yaml.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  pylon::YamlLimits limits{.max_bytes = 1 << 20, .max_depth = 32, .max_nodes = 20'000};
  auto document = pylon::parse_yaml({reinterpret_cast<const char*>(data), size}, limits);
  if (!document) return document.error().message.empty() ? std::abort(), 0 : 0;
  if (!pylon::Json::parse(document->value.dump())) std::abort();
  return 0;
}
