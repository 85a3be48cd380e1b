#include "http/api_answer.h"

#include <fmt/format.h>

#include <utility>

#include "base/strings.h"

namespace pylon::http {

namespace {

constexpr std::string_view kJsonType = "application/json";

std::string_view reason_of(int status) { return status == 403 ? "Forbidden" : "Not Found"; }

}  // namespace

void set_field(ApiResponse& response, std::string_view name, std::string_view value) {
  for (auto& [known, old] : response.fields) {
    if (!iequals(known, name)) continue;
    old = value;
    return;
  }
  response.fields.emplace_back(name, value);
}

ApiResponse json_answer(int status, const Json& body) {
  return raw_json_answer(status, body.dump());
}

ApiResponse raw_json_answer(int status, std::string json) {
  json += '\n';
  return text_answer(status, std::move(json));
}

ApiResponse text_answer(int status, std::string body) {
  ApiResponse response{.status = status, .fields = {}, .body = std::move(body)};
  set_field(response, "Content-Type", kJsonType);
  return response;
}

ApiResponse page_answer(int status) {
  std::string title = fmt::format("{} {}", status, reason_of(status));
  ApiResponse response{.status = status, .fields = {}, .body = {}};
  response.body = fmt::format(
      "<html>\r\n<head><title>{}</title></head>\r\n<body>\r\n<center><h1>{}</h1></center>\r\n"
      "</body>\r\n</html>\r\n",
      title, title);
  set_field(response, "Content-Type", "text/html");
  return response;
}

ApiResponse error_answer(int status, std::string_view message) {
  return json_answer(status, Json::object({{"error_msg", Json(message)}}));
}

}  // namespace pylon::http
