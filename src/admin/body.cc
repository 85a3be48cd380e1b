#include "admin/body.h"

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <utility>

#include "admin/answer.h"
#include "base/strings.h"
#include "base/yaml.h"
#include "store/file/document.h"

namespace pylon::admin {

using http::ApiResponse;

namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20; }

// The text with the control characters in its strings escaped.
std::string with_escaped_controls(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size() + text.size() / 8);
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '"') in_string = !in_string;
    if (in_string && is_control(c)) {
      fmt::format_to(std::back_inserter(escaped), "\\u{:04x}", static_cast<unsigned>(c));
      continue;
    }
    escaped += c;
    if (in_string && c == '\\' && i + 1 < text.size()) escaped += text[++i];
  }
  return escaped;
}

}  // namespace

tl::expected<Json, ApiResponse> parse_body(std::string_view body) {
  Result<Json> parsed = Json::parse(body);
  if (!parsed) {
    Result<Json> again = Json::parse(with_escaped_controls(body));
    if (again) parsed = std::move(again);
  }
  if (parsed) return std::move(*parsed);
  std::string message = "invalid request body: " + parsed.error().message;
  Json answer = Json::object({{"error_msg", Json(std::move(message))}});
  if (is_valid_utf8(body)) answer["req_body"] = Json(body);
  return tl::unexpected(json_answer(400, answer));
}

tl::expected<Json, ApiResponse> parse_yaml_body(std::string_view body) {
  auto document = parse_yaml(body, {.keep_lines = false});
  bool usable = document && (document->value.is_object() || document->value.is_array());
  if (usable) {
    store::fill_empty_plugins(document->value);
    return std::move(document->value);
  }
  return tl::unexpected(error_answer(400, "invalid request body: invalid yaml request body"));
}

tl::expected<Json, ApiResponse> parse_document_body(const http::ApiRequest& request) {
  bool is_yaml = request.field("Content-Type").starts_with("application/yaml");
  return is_yaml ? parse_yaml_body(request.body) : parse_body(request.body);
}

ApiResponse body_too_large(uint64_t bytes) {
  return error_answer(400, fmt::format("invalid request body: request size {} is greater than the "
                                       "maximum size {} allowed",
                                       bytes, kMaxBodyBytes));
}

}  // namespace pylon::admin
