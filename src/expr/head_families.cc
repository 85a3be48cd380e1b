// Families of variables that the heads of request and response answer.
#include "expr/getters.h"

#include <algorithm>
#include <span>
#include "http/uri.h"

namespace pylon::expr {
namespace {

using http::Exchange;

std::string_view request_field(const Operand& operand, Exchange& exchange) {
  return joined_field(exchange.request.fields, operand, exchange.arena);
}

std::string_view sent_field(const Operand& operand, Exchange& exchange) {
  const http::Response& response = exchange.response;
  std::string_view value = joined_field(response.fields, operand, exchange.arena);
  bool counted = operand.field == http::FieldId::content_length && response.content_length >= 0;
  if (value.data() != nullptr || !counted) return value;
  return number_text(static_cast<uint64_t>(response.content_length), exchange.arena);
}

std::string_view upstream_field(const Operand& operand, Exchange& exchange) {
  if (!exchange.response.from_upstream) return {};
  const http::Fields* received = exchange.upstream_fields;
  const http::Fields& fields = received != nullptr ? *received : exchange.response.fields;
  return joined_field(fields, operand, exchange.arena);
}

// The value of one cookie in a Cookie field; the last of that name, as lua-resty-cookie has it.
void find_cookie(std::string_view cookies, std::string_view name, std::string_view& value) {
  while (!cookies.empty()) {
    size_t end = std::min(cookies.find(';'), cookies.size());
    std::string_view pair = cookies.substr(0, end);
    cookies.remove_prefix(std::min(end + 1, cookies.size()));
    pair.remove_prefix(std::min(pair.find_first_not_of(" \t"), pair.size()));
    if (pair.size() <= name.size() || pair[name.size()] != '=' || !pair.starts_with(name)) continue;
    pair.remove_prefix(name.size() + 1);
    value = pair.substr(0, pair.find_first_of(" \t"));
  }
}

std::string_view cookie(const Operand& operand, Exchange& exchange) {
  std::string_view value;
  if (!exchange.request.fields.has(http::FieldId::cookie)) return value;
  for (const http::Field& field : exchange.request.fields) {
    if (field.id != http::FieldId::cookie || field.removed()) continue;
    find_cookie(field.value(), operand.name, value);
  }
  return value;
}

std::string_view argument(const Operand& operand, Exchange& exchange) {
  return http::find_argument(exchange.request.args, operand.name, exchange.arena);
}

std::string_view uri_param(const Operand& operand, Exchange& exchange) {
  for (uint32_t i = 0; i < exchange.uri_param_count; ++i) {
    if (exchange.uri_params[i].name == operand.name) return present(exchange.uri_params[i].value);
  }
  return {};
}

}  // namespace

std::span<const Family> head_families() {
  static constexpr Family kFamilies[] = {
      {.prefix = "cookie_", .get = cookie},
      {.prefix = "arg_", .get = argument},
      {.prefix = "uri_param_", .get = uri_param},
      {.prefix = "http_", .get = request_field, .is_field = true},
      {.prefix = "sent_http_", .get = sent_field, .is_field = true},
      {.prefix = "upstream_http_", .get = upstream_field, .is_field = true},
  };
  return kFamilies;
}

}  // namespace pylon::expr
