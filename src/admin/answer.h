// The answers of the Admin API: one JSON value and a line feed, a bare text, or a page.
// Source: Admin API reference, sections 1 and 2.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "http/api.h"
#include "store/store.h"

namespace pylon::admin {

http::ApiResponse json_answer(int status, const Json& body);
http::ApiResponse raw_json_answer(int status, std::string json);  // the value as text
http::ApiResponse text_answer(int status, std::string body);
http::ApiResponse page_answer(int status);                             // for browsers
http::ApiResponse error_answer(int status, std::string_view message);  // {"error_msg": ...}
http::ApiResponse key_not_found();                                     // 404
http::ApiResponse store_failure(const store::Failure& failure);        // 503

void set_field(http::ApiResponse& response, std::string_view name, std::string_view value);

}  // namespace pylon::admin
