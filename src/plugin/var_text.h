// VarText: a text of a plugin's configuration with variables in it, as APISIX resolves them.
//
//   "user-${remote_user ?? nobody}@$host"     "$1 of ${2}" with captures of a regular expression
//
// `$name` takes letters, digits, '_' and '.'; an absent variable gives its default or nothing;
// `\$` is not a variable. With captures, a name of digits is a group. What a variable or a group
// gives is not looked at again. Compiled once; rendering takes memory from the arena only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/regex.h"
#include "expr/variable.h"
#include "http/exchange.h"

namespace pylon::plugin {

class VarText {
 public:
  VarText() = default;
  explicit VarText(std::string_view text, bool with_captures = false);

  struct Rendered {
    std::string_view text;
    size_t resolved = 0;  // variables that were present or had a default
  };
  // `escape` is applied to what variables give; `captures` may be null.
  using Escape = std::string_view (*)(std::string_view value, Arena& arena);
  Rendered render(http::Exchange& exchange, const Captures* captures = nullptr,
                  Escape escape = nullptr) const;
  std::string_view text(http::Exchange& exchange) const { return render(exchange).text; }

  bool has_variables() const;
  bool needs_body() const;  // one of the variables looks at the request body

 private:
  struct Piece {
    std::string literal;  // or the default of the variable
    std::optional<expr::Variable> variable;
    bool has_default = false;
    int group = -1;
  };

  void add_literal(std::string_view text);
  void add_variable(std::string_view expression, bool with_captures);
  std::string_view value_of(const Piece& piece, http::Exchange& exchange, const Captures* captures,
                            Escape escape, size_t& resolved) const;

  std::vector<Piece> pieces_;
};

}  // namespace pylon::plugin
