// Variable: a name like "arg_user" or "remote_addr", looked up once, asked many times.
//
// The names are nginx's and APISIX's: see docs of `vars` and of the access log. A value is text; it
// lies in the exchange's arena, in the exchange itself or in static storage, so it lives as long as
// the exchange. A view with null data() means that the variable is absent, which is not the same as
// empty. Numbers are written out only when somebody asks.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "http/exchange.h"

namespace pylon::expr {

// Whether an upstream_http_* variable has been compiled in this process: then the fields of answers
// are to be kept as the upstream sent them (Exchange::upstream_fields).
bool upstream_fields_wanted();

class Variable {
 public:
  // What follows the prefix of a family: "user" in arg_user, "user-agent" in http_user_agent.
  struct Operand {
    std::string_view name;
    http::FieldId field = http::FieldId::other;
  };
  using Getter = std::string_view (*)(const Operand& operand, http::Exchange& exchange);
  using JsonGetter = const Json* (*)(const Operand& operand, http::Exchange& exchange);

  // A name that nobody knows gives a variable that is always absent.
  static Variable compile(std::string_view name);

  std::string_view value(http::Exchange& exchange) const {
    return get_(Operand{operand_, field_}, exchange);
  }

  // Some variables come from a JSON body and have a type; null: absent. Only when has_type().
  bool has_type() const { return get_json_ != nullptr; }
  const Json* json(http::Exchange& exchange) const {
    return get_json_(Operand{operand_, field_}, exchange);
  }

  bool known() const;
  // Whether it looks at Exchange::body.
  bool needs_body() const { return needs_body_; }

 private:
  Getter get_ = nullptr;
  JsonGetter get_json_ = nullptr;
  std::string operand_;
  http::FieldId field_ = http::FieldId::other;
  bool needs_body_ = false;
};

}  // namespace pylon::expr
