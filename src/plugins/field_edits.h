// FieldEdits: the `headers` object of proxy-rewrite and response-rewrite, compiled once.
//
//   {"add": {...}, "set": {...}, "remove": [...]}     or, older: {"X-Name": "value", ...} to be set
//
// Values may hold variables, and `$1` or `${1}` for what a regular expression caught; what those
// give is not looked at again. A value that comes out empty, or with octets that no field may hold
// (a line feed of the client's making), gives no field: then `set` removes what was there.
// Source: APISIX docs, plugins/proxy-rewrite and plugins/response-rewrite.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/regex.h"
#include "base/result.h"
#include "expr/template.h"
#include "http/exchange.h"

namespace pylon::plugins {

// One value: templates with groups between them.
class FieldText {
 public:
  static FieldText compile(std::string_view text, bool with_captures);
  // In the arena or in this object. `captures` may be null: groups give nothing then.
  std::string_view render(http::Exchange& exchange, const Captures* captures) const;

 private:
  struct Piece {
    expr::Template before;
    size_t group;
  };

  std::vector<Piece> pieces_;
  expr::Template tail_;
};

class FieldEdits {
 public:
  enum class Groups : uint8_t { none, captures };

  // `headers` has passed the plugin's schema; null edits nothing. Members of `add` may also be
  // lines: ["Name: value"]. Errors are APISIX's: "invalid field character in header", ...
  static Result<FieldEdits> compile(const Json& headers, Groups groups);

  // Adds, then sets, then removes. `fields` belong to the exchange.
  void apply(http::Exchange& exchange, http::Fields& fields, const Captures* captures) const;

  // Bits of the FieldIds that are removed.
  uint64_t removed_bits() const;

 private:
  struct Edit {
    std::string name;
    http::FieldId id;
    std::vector<FieldText> values;
  };
  class Compiler;

  std::vector<Edit> added_;
  std::vector<Edit> set_;
  std::vector<Edit> removed_;
};

}  // namespace pylon::plugins
