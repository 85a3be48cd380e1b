// Validation without writing: one resource against its schema, or a whole configuration.
// Source: Admin API reference, section 4 (schema/validate, configs/validate).
#pragma once

#include <string_view>

#include "admin/node.h"
#include "http/api.h"
#include "plugin/catalogue.h"

namespace pylon::admin {

// POST schema/validate/{resource}: the resource's schema only.
http::ApiResponse validate_resource(std::string_view resource, std::string_view body);

// POST configs/validate: {"routes": [...], "services": [...], ..., "routes_conf_version": 3} as
// JSON or YAML. Every item is checked but for the references between them; all that is wrong is
// listed.
http::ApiResponse validate_configs(const http::ApiRequest& request,
                                   const plugin::Catalogue& catalogue, const Node& node);

}  // namespace pylon::admin
