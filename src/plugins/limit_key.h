// What the limit plugins have in common: what is counted, and amounts that may be given by
// variables. Source: APISIX docs "limit-count", "limit-conn".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/strings.h"
#include "expr/template.h"
#include "schema/fields.h"

namespace pylon::plugins {

enum class KeyType { var, var_combination, constant };

}  // namespace pylon::plugins

template <>
struct pylon::schema::EnumNames<pylon::plugins::KeyType> {
  static constexpr std::string_view names[] = {"var", "var_combination", "constant"};
};

namespace pylon::plugins {

// The value that requests are told apart by.
class LimitKey {
 public:
  LimitKey(KeyType type, std::string_view key) : type_(type), constant_(key) {
    if (type == KeyType::var) variable_ = expr::Variable::compile(key);
    if (type == KeyType::var_combination) combination_ = expr::Template::compile(key);
  }

  // `resolved`: false when none of its variables is present.
  std::string_view of(http::Exchange& exchange, bool& resolved) const {
    resolved = true;
    if (type_ == KeyType::constant) return constant_;
    if (type_ == KeyType::var) {
      std::string_view value = variable_.value(exchange);
      resolved = value.data() != nullptr;
      return value;
    }
    size_t count = 0;
    std::string_view value = combination_.render(exchange, count);
    resolved = count > 0;
    return value;
  }

 private:
  KeyType type_;
  std::string constant_;
  expr::Variable variable_;
  expr::Template combination_;
};

// A whole number of the configuration: given, or by variables of each request.
class LimitAmount {
 public:
  explicit LimitAmount(const Json& conf, int64_t least = 1) : least_(least) {
    if (conf.is_string()) {
      template_ = expr::Template::compile(conf.as_string());
    } else {
      fixed_ = conf.as_int();
    }
  }

  // Nothing: the variables give no number, or one that is less than the least.
  std::optional<int64_t> of(http::Exchange& exchange) const {
    if (fixed_) return fixed_;
    constexpr int64_t kLargest = (int64_t{1} << 53) - 1;
    std::optional<int64_t> number = parse_int(trim(template_.render(exchange)));
    bool fits = number && *number >= least_ && *number <= kLargest;
    return fits ? number : std::nullopt;
  }

 private:
  int64_t least_;
  std::optional<int64_t> fixed_;
  expr::Template template_;
};

}  // namespace pylon::plugins
