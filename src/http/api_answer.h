// Answers of the servers that the gateway itself runs, as APISIX gives them: one JSON value and a
// line feed, a bare text, or a page for browsers.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "http/api.h"

namespace pylon::http {

ApiResponse json_answer(int status, const Json& body);
ApiResponse raw_json_answer(int status, std::string json);  // the value as text
ApiResponse text_answer(int status, std::string body);      // says application/json all the same
ApiResponse page_answer(int status);                        // 403, 404
ApiResponse error_answer(int status, std::string_view message);  // {"error_msg": ...}

// Replaces a field of that name in any case, or adds it.
void set_field(ApiResponse& response, std::string_view name, std::string_view value);

}  // namespace pylon::http
