// Comparison: one [variable, operator, value] of a Condition. Internal to this folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/ip.h"
#include "base/json.h"
#include "base/regex.h"
#include "base/result.h"
#include "expr/variable.h"

namespace pylon::expr {

enum class Operator : uint8_t {
  equal,
  not_equal,
  greater,
  greater_equal,
  less,
  less_equal,
  search,
  search_any_case,
  in,
  has,
  ip_match,
};

// Of the lower-case name; nullopt for an unknown one.
std::optional<Operator> operator_named(std::string_view name);

// What Lua's tonumber makes of text: decimal or hexadecimal, white space around it, exponents.
std::optional<double> lua_number(std::string_view text);

class Comparison {
 public:
  // `value` null: the operand was left out, or JSON's null.
  static Result<Comparison> compile(std::string_view variable, Operator op, const Json& value,
                                    bool reversed);

  bool holds(http::Exchange& exchange) const { return compare(exchange) != reversed_; }
  bool needs_body() const { return variable_.needs_body(); }

 private:
  explicit Comparison(Variable variable, Operator op, const Json& value, bool reversed)
      : variable_(std::move(variable)), value_(value), operator_(op), reversed_(reversed) {}

  Result<void> compile_addresses();
  Result<void> compile_regex();
  bool compare(http::Exchange& exchange) const;
  bool compare_numbers(std::optional<double> left) const;

  Variable variable_;
  Json value_;
  std::optional<double> number_;  // the value as a number
  std::optional<Regex> regex_;
  IpSet addresses_;
  Operator operator_;
  bool reversed_;
};

}  // namespace pylon::expr
