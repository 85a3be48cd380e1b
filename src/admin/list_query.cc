#include "admin/list_query.h"

#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "schema/fields.h"

namespace pylon::admin {
namespace {

using config::Kind;
using http::ApiRequest;

constexpr double kMinPageSize = 10;
constexpr double kMaxPageSize = 500;

std::optional<std::string> argument(const ApiRequest& request, std::string_view name) {
  std::string value;
  if (!request.argument(name, value)) return std::nullopt;
  return value;
}

std::optional<double> number(const ApiRequest& request, std::string_view name) {
  std::optional<std::string> text = argument(request, name);
  return text ? parse_double(trim(*text)) : std::nullopt;
}

std::string_view text_of(const Json& value, std::string_view name) {
  const Json* member = value.find(name);
  return member != nullptr ? member->as_string() : std::string_view();
}

}  // namespace

ListQuery ListQuery::read(const ApiRequest& request, Kind kind) {
  ListQuery query;
  query.name_ = pattern(request, "name");
  query.uri_ = pattern(request, "uri");
  query.label_ = argument(request, "label");
  query.page_ = number(request, "page");
  query.page_size_ = number(request, "page_size");
  std::optional<std::string> filter = argument(request, "filter");
  if (!filter || (kind != Kind::route && kind != Kind::stream_route)) return query;
  ApiRequest inner;
  inner.query = *filter;
  for (std::string_view field : {"service_id", "upstream_id"}) {
    std::optional<std::string> wanted = argument(inner, field);
    if (wanted) query.fields_.emplace_back(field, std::move(*wanted));
  }
  return query;
}

std::optional<ListQuery::Pattern> ListQuery::pattern(const ApiRequest& request,
                                                     std::string_view name) {
  std::optional<std::string> text = argument(request, name);
  if (!text) return std::nullopt;
  auto regex = Regex::compile(*text);
  return regex ? Pattern{std::move(*regex)} : Pattern{};
}

bool ListQuery::matches(const Json& value) const {
  if (name_ && (!value.contains("name") || !name_->matches(text_of(value, "name")))) return false;
  if (uri_ && !matches_uri(value)) return false;
  const Json* labels = value.find("labels");
  if (label_ && (labels == nullptr || !labels->contains(*label_))) return false;
  return std::all_of(fields_.begin(), fields_.end(), [&](const auto& field) {
    const Json* member = value.find(field.first);
    return member != nullptr && schema::text_of(*member) == field.second;
  });
}

bool ListQuery::matches_uri(const Json& value) const {
  if (value.contains("uri") && uri_->matches(text_of(value, "uri"))) return true;
  const Json* uris = value.find("uris");
  if (uris == nullptr) return false;
  return std::any_of(uris->items().begin(), uris->items().end(),
                     [&](const Json& uri) { return uri_->matches(uri.as_string()); });
}

bool ListQuery::page_size_is_wrong() const {
  return pages() && (*page_size_ < kMinPageSize || *page_size_ > kMaxPageSize);
}

std::pair<size_t, size_t> ListQuery::page(size_t count) const {
  double size = std::floor(*page_size_);
  double first = (std::max(std::floor(*page_), 1.0) - 1) * size;
  if (first >= static_cast<double>(count)) return {count, count};
  auto from = static_cast<size_t>(first);
  return {from, std::min(count, from + static_cast<size_t>(size))};
}

}  // namespace pylon::admin
