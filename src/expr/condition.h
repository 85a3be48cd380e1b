// Condition: a `vars` expression, compiled once, evaluated without allocation.
//
//   [["arg_age", ">", 18], ["http_x", "!", "~~", "^a"]]        all must hold
//   ["OR", ["arg_a", "==", "1"], ["AND", [...], [...]]]         AND, OR, !AND, !OR, nested
//
// Operators, in any case: == ~= > >= < <= ~~ ~* in has ipmatch; [name, value] is ==. A number on
// the right makes == and ~= convert the variable; a string does not. Semantics and messages are
// those of api7/lua-resty-expr 1.3.2, but for this: a regular expression that does not compile is
// refused here, where APISIX lets it never match.
#pragma once

#include <memory>

#include "base/json.h"
#include "base/result.h"
#include "http/exchange.h"

namespace pylon::expr {

class Condition {
 public:
  // Always true, as an empty array is.
  Condition() = default;

  // Error: "rule should be wrapped inside brackets", "invalid operator 'x'", ...
  static Result<Condition> compile(const Json& vars);

  bool is_always_true() const { return root_ == nullptr; }
  bool matches(http::Exchange& exchange) const {
    return root_ == nullptr || evaluate(*root_, exchange);
  }

  // Whether it looks at Exchange::body: then that should be buffered before it is asked.
  bool needs_body() const { return needs_body_; }

 private:
  struct Node;
  class Compiler;

  static bool evaluate(const Node& node, http::Exchange& exchange);

  std::shared_ptr<const Node> root_;  // copies share it
  bool needs_body_ = false;
};

}  // namespace pylon::expr
