#include "expr/body_document.h"

#include <algorithm>
#include <memory>

#include "base/strings.h"
#include "expr/form.h"
#include "expr/graphql.h"
#include "expr/json_path.h"
#include "http/uri.h"

namespace pylon::expr {
namespace {

using http::FieldId;

// The value of a parameter like boundary or name, without its quotes.
std::string_view parameter(std::string_view field, std::string_view name) {
  while (!field.empty()) {
    std::string_view part = trim(field.substr(0, field.find(';')));
    field.remove_prefix(std::min(field.find(';'), field.size() - 1) + 1);
    size_t equals = part.find('=');
    if (equals == part.npos || !iequals(part.substr(0, equals), name)) continue;
    std::string_view value = part.substr(equals + 1);
    bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
    return quoted ? value.substr(1, value.size() - 2) : value;
  }
  return {};
}

// The name of a part, from its head.
std::string_view part_name(std::string_view head) {
  while (!head.empty()) {
    std::string_view line = head.substr(0, head.find('\n'));
    head.remove_prefix(std::min(line.size() + 1, head.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (istarts_with(line, "content-disposition:")) return parameter(line, "name");
  }
  return {};
}

// RFC 7578, RFC 2046 5.1.1. Whose first line ends with a line feed alone ends all lines so, as
// APISIX has it.
std::optional<Json> parse_multipart(std::string_view body, std::string_view type) {
  std::string_view boundary = parameter(type, "boundary");
  if (boundary.empty()) return std::nullopt;
  std::string delimiter = "--" + std::string(boundary);
  Json parts = Json::object();
  size_t at = body.find(delimiter);
  size_t behind = at == body.npos ? at : at + delimiter.size();
  bool bare = behind < body.size() && body[behind] == '\n';
  const std::string line_end = bare ? "\n" : "\r\n";
  for (size_t count = 0; at != body.npos && count < kMaxFormParts; ++count) {
    std::string_view rest = body.substr(at + delimiter.size());
    if (rest.starts_with("--")) return parts;
    size_t end = rest.find(line_end + delimiter);
    size_t head_end = rest.find(line_end + line_end);
    if (end == rest.npos || head_end == rest.npos || head_end > end) return std::nullopt;
    std::string_view name = part_name(rest.substr(0, head_end));
    size_t start = std::min(head_end + 2 * line_end.size(), end);
    if (!name.empty()) add_form_value(parts, name, Json(rest.substr(start, end - start)));
    at += delimiter.size() + end + line_end.size();
  }
  return std::nullopt;
}

std::optional<Json> parse_json(std::string_view body) {
  auto value = Json::parse(body);
  return value ? std::optional<Json>(*std::move(value)) : std::nullopt;
}

// Where APISIX looks for a GraphQL document.
std::string graphql_text(const http::Exchange& exchange) {
  const http::Request& request = exchange.request;
  if (request.method == http::Method::get) {
    return std::string(http::find_argument(request.args, "query", exchange.arena));
  }
  if (request.method != http::Method::post) return {};
  if (exchange.body.size() > max_graphql_bytes()) return {};
  if (request.fields.get(FieldId::content_type) != "application/json") {
    return std::string(exchange.body);
  }
  auto value = parse_json(exchange.body);
  const Json* query = value ? value->find("query") : nullptr;
  return query != nullptr ? std::string(query->as_string()) : std::string();
}

Json graphql_value(const http::Exchange& exchange) {
  std::string text = graphql_text(exchange);
  auto parsed = parse_graphql(text);
  if (!parsed) return {};
  Json value = Json::object({{"name", Json(parsed->name)}, {"root_fields", Json::array()}});
  for (std::string_view field : parsed->root_fields) value["root_fields"].push_back(Json(field));
  if (!parsed->operation.empty()) value["operation"] = Json(parsed->operation);
  return value;
}

}  // namespace

BodyDocument& BodyDocument::of(http::Exchange& exchange) {
  auto* known = static_cast<BodyDocument*>(exchange.body_document.get());
  bool same = known != nullptr && known->body_.data() == exchange.body.data() &&
              known->body_.size() == exchange.body.size();
  if (same) return *known;
  auto made = std::shared_ptr<BodyDocument>(new BodyDocument(exchange));
  exchange.body_document = made;
  return *made;
}

BodyDocument::BodyDocument(const http::Exchange& exchange) : body_(exchange.body) {
  std::string_view type = exchange.request.fields.get(FieldId::content_type);
  if (body_.data() == nullptr) return;
  if (type.find("application/json") != type.npos) {
    value_ = parse_json(body_);
  } else if (type.find("application/x-www-form-urlencoded") != type.npos) {
    value_ = form_values(body_);
  } else if (type.find("multipart/form-data") != type.npos) {
    value_ = parse_multipart(body_, type);
  }
}

const Json* BodyDocument::at(std::string_view path) {
  if (!value_) return nullptr;
  if (!is_json_path(path)) return find_dotted(*value_, path);
  auto known = found_.find(path);
  if (known == found_.end()) {
    known = found_.emplace(std::string(path), find_all(*value_, path)).first;
  }
  return known->second.empty() ? nullptr : &known->second;
}

const Json* BodyDocument::graphql(http::Exchange& exchange) {
  if (!graphql_) graphql_ = graphql_value(exchange);
  return graphql_->is_null() ? nullptr : &*graphql_;
}

}  // namespace pylon::expr
