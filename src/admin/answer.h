// The answers that only the Admin API has. Source: Admin API reference, section 2.
#pragma once

#include "http/api_answer.h"
#include "store/store.h"

namespace pylon::admin {

using http::error_answer;
using http::json_answer;
using http::page_answer;
using http::raw_json_answer;
using http::set_field;
using http::text_answer;

http::ApiResponse key_not_found();                               // 404 {"message": ...}
http::ApiResponse store_failure(const store::Failure& failure);  // 503

}  // namespace pylon::admin
