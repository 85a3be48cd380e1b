// YAML text as a Json value, with the source line of every node.
//
// Plain scalars are read as YAML 1.1 does (and lyaml, and so APISIX): null ~ true yes on, decimal,
// 0x and 0 octal integers, floats; a quoted scalar is always a string. Keys are kept as written.
// Merge keys (<<) and aliases work within the limits. Refused, with the line: a duplicate key, a
// key that is no scalar, an unknown alias, a second document, invalid UTF-8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/hash.h"
#include "base/json.h"
#include "base/result.h"

namespace pylon {

class YamlDocument {
 public:
  Json value;

  // Line (from 1) where the node at a JSON pointer ("/apisix/node_listen/0", "" is the root) is
  // written; for a member the line of its key. 0 when there is no such node.
  uint32_t line_of(std::string_view pointer) const;

  StringMap<uint32_t> lines;  // by JSON pointer
};

struct YamlLimits {
  size_t max_bytes = 64 << 20;
  size_t max_depth = 64;
  size_t max_nodes = 4'000'000;  // counted after aliases are expanded
  bool keep_lines = true;        // false: `lines` stays empty (large data files)
};

Result<YamlDocument> parse_yaml(std::string_view text, const YamlLimits& limits);
Result<YamlDocument> parse_yaml(std::string_view text);

}  // namespace pylon
