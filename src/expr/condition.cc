#include "expr/condition.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "expr/comparison.h"

namespace pylon::expr {

// Either a comparison, or a group of nodes under a logic operator.
struct Condition::Node {
  enum class Logic : uint8_t { all, any, not_all, not_any };

  std::optional<Comparison> comparison;
  Logic logic = Logic::all;
  std::vector<Node> children;
};

// Turns JSON into nodes, with lua-resty-expr's messages.
class Condition::Compiler {
 public:
  using Logic = Node::Logic;

  static std::optional<Logic> logic_named(const Json& name) {
    std::string upper = to_upper(name.as_string());
    if (upper == "AND") return Logic::all;
    if (upper == "OR") return Logic::any;
    if (upper == "!AND") return Logic::not_all;
    if (upper == "!OR") return Logic::not_any;
    return std::nullopt;
  }

  Result<Node> compile(const Json& rule) {
    if (is_scalar(rule)) return fail("invalid expression");
    if (rule.items().empty()) return fail("rule too short");
    const Json& first = rule.items().front();
    if (!is_scalar(first)) return compile_group(rule, 0, Logic::all);
    if (auto logic = logic_named(first)) {
      if (rule.size() <= 2) return fail("rule too short");
      return compile_group(rule, 1, *logic);
    }
    return compile_comparison(rule);
  }

  bool needs_body() const { return needs_body_; }

 private:
  static bool is_scalar(const Json& value) { return !value.is_array() && !value.is_object(); }

  Result<Node> compile_group(const Json& rule, size_t from, Logic logic) {
    Node group;
    group.logic = logic;
    for (size_t i = from; i < rule.size(); ++i) {
      auto child = compile(rule.items()[i]);
      if (!child) return child;
      group.children.push_back(*std::move(child));
    }
    return group;
  }

  // An operator may be written as a number; it is text all the same.
  static std::optional<std::string> operator_text(const Json& op) {
    if (op.is_string()) return to_lower(op.as_string());
    if (op.is_number()) return op.dump();
    return std::nullopt;
  }

  Result<Node> compile_comparison(const Json& rule) {
    const Json::Array& items = rule.items();
    bool reversed = items.size() == 4;
    if (reversed && items[1] != Json("!")) return fail("bad 'not' expression");
    size_t at = reversed ? 2 : 1;
    if (!items[0].is_string() || items.size() <= at) return fail("invalid expression");
    auto name = operator_text(items[at]);
    if (!name) return fail("invalid expression");
    auto op = operator_named(*name);
    if (items.size() == 2 && !op) return make(items[0], Operator::equal, Json(*name), false);
    if (!op) return fail("invalid operator '" + *name + "'");
    return make(items[0], *op, items.size() > at + 1 ? items[at + 1] : Json(), reversed);
  }

  Result<Node> make(const Json& variable, Operator op, const Json& value, bool reversed) {
    auto comparison = Comparison::compile(variable.as_string(), op, value, reversed);
    if (!comparison) return fail(comparison.error().message);
    needs_body_ |= comparison->needs_body();
    Node node;
    node.comparison = *std::move(comparison);
    return node;
  }

  bool needs_body_ = false;
};

Result<Condition> Condition::compile(const Json& vars) {
  if (vars.is_null()) return fail("missing argument rule");
  if (vars.is_array() && vars.empty()) return Condition();
  if (!vars.is_array()) return fail("rule should be wrapped inside brackets");
  const Json& first = vars.items().front();
  bool bracketed = first.is_array() || first.is_object();
  if (!bracketed && !Compiler::logic_named(first)) {
    return fail("rule should be wrapped inside brackets");
  }
  Compiler compiler;
  auto root = compiler.compile(vars);
  if (!root) return fail(root.error().message);
  Condition condition;
  condition.root_ = std::make_shared<const Node>(*std::move(root));
  condition.needs_body_ = compiler.needs_body();
  return condition;
}

bool Condition::evaluate(const Node& node, http::Exchange& exchange) {
  if (node.comparison) return node.comparison->holds(exchange);
  auto holds = [&](const Node& child) { return evaluate(child, exchange); };
  auto begin = node.children.begin();
  auto end = node.children.end();
  switch (node.logic) {
    case Node::Logic::all:
      return std::all_of(begin, end, holds);
    case Node::Logic::any:
      return std::any_of(begin, end, holds);
    case Node::Logic::not_all:
      return !std::all_of(begin, end, holds);
    case Node::Logic::not_any:
      return !std::any_of(begin, end, holds);
  }
  return false;
}

}  // namespace pylon::expr
