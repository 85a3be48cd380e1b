// BodyDocument: what a buffered request body was parsed into, once for all who ask. Internal to
// this folder; lives in Exchange::body_document.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "http/exchange.h"

namespace pylon::expr {

class BodyDocument {
 public:
  // Parsed when first asked for, and again when the exchange has another body.
  static BodyDocument& of(http::Exchange& exchange);

  // By Content-Type a JSON value, or an object of a form's or multipart body's parts.
  // Null: another type, or not well formed.
  const Json* value() const { return value_ ? &*value_ : nullptr; }

  // The value at the path of a post_arg.<path> variable. Null: absent.
  const Json* at(std::string_view path);

  // "operation", "name" and "root_fields" of the GraphQL document in body or ?query=; null when
  // there is none.
  const Json* graphql(http::Exchange& exchange);

 private:
  explicit BodyDocument(const http::Exchange& exchange);

  std::string_view body_;
  std::optional<Json> value_;
  std::map<std::string, Json, std::less<>> found_;  // by JSONPath
  std::optional<Json> graphql_;                     // JSON null: there is none
};

}  // namespace pylon::expr
