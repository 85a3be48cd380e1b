// Families of variables that look into the buffered request body.
#include "expr/getters.h"
#include "http/uri.h"

namespace pylon::expr {
namespace {

constexpr std::string_view kForm = "application/x-www-form-urlencoded";

std::string_view form_argument(const Operand& operand, http::Exchange& exchange) {
  std::string_view type = exchange.request.fields.get(http::FieldId::content_type);
  if (!type.starts_with(kForm)) return {};
  return http::find_argument(exchange.body, operand.name, exchange.arena);
}

}  // namespace

std::span<const Family> body_families() {
  static constexpr Family kFamilies[] = {
      {.prefix = "post_arg_", .get = form_argument, .needs_body = true},
  };
  return kFamilies;
}

}  // namespace pylon::expr
