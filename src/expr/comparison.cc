#include "expr/comparison.h"

#include <algorithm>
#include <charconv>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "expr/json_path.h"

namespace pylon::expr {
namespace {

constexpr std::pair<std::string_view, Operator> kOperators[] = {
    {"==", Operator::equal},
    {"~=", Operator::not_equal},
    {">", Operator::greater},
    {">=", Operator::greater_equal},
    {"<", Operator::less},
    {"<=", Operator::less_equal},
    {"~~", Operator::search},
    {"~*", Operator::search_any_case},
    {"in", Operator::in},
    {"has", Operator::has},
    {"ipmatch", Operator::ip_match},
};

// The left side: text of a plain variable, or the value of one that has a type.
struct Left {
  std::string_view text;  // null data: absent, or not a string
  const Json* json = nullptr;

  bool absent() const { return text.data() == nullptr && json == nullptr; }

  std::optional<double> number() const {
    if (json != nullptr && json->is_number()) return json->as_double();
    return text.data() != nullptr ? lua_number(text) : std::nullopt;
  }

  // Lua's ==: no conversion between types.
  bool equals(const Json& value) const {
    if (value.is_null()) return absent();
    if (json != nullptr) return *json == value;
    return text.data() != nullptr && value.is_string() && text == value.as_string();
  }
};

Left left_of(const Variable& variable, http::Exchange& exchange) {
  if (!variable.has_type()) return {variable.value(exchange)};
  const Json* json = variable.json(exchange);
  if (json == nullptr) return {};
  // Search and numbers look at the text; a string without octets is still there.
  std::string_view text = json->is_string() ? json->as_string("") : std::string_view();
  return {text, json};
}

bool is_one_of(const Left& left, const Json& list) {
  return !left.absent() && std::any_of(list.items().begin(), list.items().end(),
                                       [&](const Json& item) { return left.equals(item); });
}

bool has_item(const Left& left, const Json& value) {
  if (left.json == nullptr) return false;
  const Json::Array& items = left.json->items();
  return std::find(items.begin(), items.end(), value) != items.end();
}

bool contains_address(const IpSet& addresses, std::string_view text) {
  auto address = IpAddress::parse(text);
  return address && addresses.contains(*address);
}

// post_arg. with a JSONPath that nothing can be found by.
bool has_bad_path(std::string_view variable) {
  constexpr std::string_view kPrefix = "post_arg.";
  if (!variable.starts_with(kPrefix)) return false;
  std::string_view path = variable.substr(kPrefix.size());
  return is_json_path(path) && !is_valid_json_path(path);
}

}  // namespace

std::optional<Operator> operator_named(std::string_view name) {
  for (const auto& [known, op] : kOperators) {
    if (known == name) return op;
  }
  return std::nullopt;
}

std::optional<double> lua_number(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  text = text.substr(0, text.find_last_not_of(kSpace) + 1);
  bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  bool hexadecimal = istarts_with(text, "0x");
  if (hexadecimal) text.remove_prefix(2);
  if (text.empty() || text.front() == '-' || text.front() == '+') return std::nullopt;
  double number = 0;
  auto format = hexadecimal ? std::chars_format::hex : std::chars_format::general;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, format);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return negative ? -number : number;
}

Result<Comparison> Comparison::compile(std::string_view variable, Operator op, const Json& value,
                                       bool reversed) {
  if (has_bad_path(variable)) return fail("invalid expression: " + std::string(variable));
  Comparison comparison(Variable::compile(variable), op, value, reversed);
  if (value.is_number()) comparison.number_ = value.as_double();
  if (value.is_string()) comparison.number_ = lua_number(value.as_string());
  Result<void> compiled;
  if (op == Operator::ip_match) compiled = comparison.compile_addresses();
  if (op == Operator::search || op == Operator::search_any_case) {
    compiled = comparison.compile_regex();
  }
  if (!compiled) return fail(compiled.error().message);
  return comparison;
}

Result<void> Comparison::compile_addresses() {
  std::vector<std::string> texts;
  if (value_.is_string()) texts.emplace_back(value_.as_string());
  for (const Json& item : std::as_const(value_).items()) texts.emplace_back(item.as_string());
  if (texts.empty() || value_ == Json("")) return fail("invalid ip address");
  std::vector<Cidr> blocks;
  for (const std::string& text : texts) {
    auto block = Cidr::parse(text);
    if (!block) return fail("invalid ip address: " + text);
    blocks.push_back(*block);
  }
  addresses_ = IpSet(blocks);
  return {};
}

Result<void> Comparison::compile_regex() {
  if (!value_.is_string() && !value_.is_number()) return fail("invalid regular expression");
  std::string pattern = value_.is_string() ? std::string(value_.as_string()) : value_.dump();
  RegexFlags flags;
  flags.ignore_case = operator_ == Operator::search_any_case;
  auto regex = Regex::compile(pattern, flags);
  if (!regex) return fail("invalid regular expression: " + regex.error().message);
  regex_ = *std::move(regex);
  return {};
}

bool Comparison::compare_numbers(std::optional<double> left) const {
  if (!left || !number_) return false;
  switch (operator_) {
    case Operator::greater:
      return *left > *number_;
    case Operator::greater_equal:
      return *left >= *number_;
    case Operator::less:
      return *left < *number_;
    case Operator::less_equal:
      return *left <= *number_;
    default:
      return *left == *number_;
  }
}

bool Comparison::compare(http::Exchange& exchange) const {
  Left left = left_of(variable_, exchange);
  switch (operator_) {
    case Operator::equal:
      return value_.is_number() ? compare_numbers(left.number()) : left.equals(value_);
    case Operator::not_equal:
      return value_.is_number() ? !compare_numbers(left.number()) : !left.equals(value_);
    case Operator::greater:
    case Operator::greater_equal:
    case Operator::less:
    case Operator::less_equal:
      return compare_numbers(left.number());
    case Operator::search:
    case Operator::search_any_case:
      return left.text.data() != nullptr && regex_->matches(left.text);
    case Operator::in:
      return is_one_of(left, value_);
    case Operator::has:
      return has_item(left, value_);
    case Operator::ip_match:
      return left.text.data() != nullptr && contains_address(addresses_, left.text);
  }
  return false;
}

}  // namespace pylon::expr
