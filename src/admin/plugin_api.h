// What the Admin API tells about plugins and schemas. Source: Admin API reference, section 4.
#pragma once

#include <string_view>

#include "http/api.h"
#include "plugin/catalogue.h"

namespace pylon::admin {

// GET plugins/list: the names, the highest priority first.
http::ApiResponse plugin_names(const plugin::Catalogue& catalogue, const http::ApiRequest& request);

// GET plugins/{name}, and plugins?all=true for everything about all.
http::ApiResponse plugin_schema(const plugin::Catalogue& catalogue, std::string_view name,
                                const http::ApiRequest& request);

// GET schema/{name}.
http::ApiResponse resource_schema(std::string_view name);

}  // namespace pylon::admin
