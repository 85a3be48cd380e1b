// Families of variables that look into the buffered request body.
#include "expr/body_document.h"

#include <span>
#include "expr/getters.h"
#include "http/uri.h"

namespace pylon::expr {
namespace {

using http::Exchange;

constexpr std::string_view kForm = "application/x-www-form-urlencoded";

std::string_view form_argument(const Operand& operand, Exchange& exchange) {
  std::string_view type = exchange.request.fields.get(http::FieldId::content_type);
  if (!type.starts_with(kForm)) return {};
  return http::find_argument(exchange.body, operand.name, exchange.arena);
}

const Json* body_value(const Operand& operand, Exchange& exchange) {
  return BodyDocument::of(exchange).at(operand.name);
}

const Json* graphql_value(const Operand& operand, Exchange& exchange) {
  const Json* document = BodyDocument::of(exchange).graphql(exchange);
  return document != nullptr ? document->find(operand.name) : nullptr;
}

std::string_view text_of(const Json* value, Exchange& exchange) {
  if (value == nullptr || value->is_null()) return {};
  return present(exchange.arena.copy(value->is_string() ? value->as_string() : value->dump()));
}

std::string_view body_text(const Operand& operand, Exchange& exchange) {
  return text_of(body_value(operand, exchange), exchange);
}

std::string_view graphql_text(const Operand& operand, Exchange& exchange) {
  return text_of(graphql_value(operand, exchange), exchange);
}

}  // namespace

std::span<const Family> body_families() {
  static constexpr Family kFamilies[] = {
      {.prefix = "post_arg_", .get = form_argument, .needs_body = true},
      {.prefix = "post_arg.", .get = body_text, .get_json = body_value, .needs_body = true},
      {.prefix = "graphql_", .get = graphql_text, .get_json = graphql_value, .needs_body = true},
  };
  return kFamilies;
}

}  // namespace pylon::expr
