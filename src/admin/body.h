// Bodies of requests to the Admin API. Source: Admin API reference, section 1.
#pragma once

#include <cstdint>
#include <string_view>
#include <tl/expected.hpp>

#include "base/json.h"
#include "http/api.h"

namespace pylon::admin {

constexpr uint64_t kMaxBodyBytes = 1'572'864;  // 1.5 MiB

// The value, or the answer that says what is wrong with it. As APISIX's parser does, line feeds and
// other control characters may stand in strings as they are: a .proto file is often sent so.
tl::expected<Json, http::ApiResponse> parse_body(std::string_view body);
tl::expected<Json, http::ApiResponse> parse_yaml_body(std::string_view body);
// As its Content-Type says: application/yaml, or JSON.
tl::expected<Json, http::ApiResponse> parse_document_body(const http::ApiRequest& request);

http::ApiResponse body_too_large(uint64_t bytes);

}  // namespace pylon::admin
