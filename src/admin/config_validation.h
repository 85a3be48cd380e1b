// Validation without writing: one resource against its schema, or a whole configuration.
// Source: Admin API reference, section 4 (schema/validate, configs/validate).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "admin/node.h"
#include "admin/target.h"
#include "async/task.h"
#include "http/api.h"
#include "plugin/catalogue.h"
#include "store/store.h"

namespace pylon::admin {

// POST schema/validate/{resource}: the resource's schema only.
http::ApiResponse validate_resource(std::string_view resource, std::string_view body);

struct ValidationParts {
  const plugin::Catalogue& catalogue;
  const Node& node;
  store::Store& store;
  Keys keys;
};

// POST configs/validate: {"routes": [...], "services": [...], ..., "routes_conf_version": 3} as
// JSON or YAML. Every item is checked, and, what APISIX does not do, that what it refers to stands
// in the document or in the store; all that is wrong is listed. What only plugins refer to is
// listed as `warnings`, and the answer stays 200. The request must outlive the task.
async::Task<http::ApiResponse> validate_configs(const http::ApiRequest& request,
                                                ValidationParts parts);

// The first thing that is wrong with a configuration that is to replace all that is there, as
// APISIX looks for it: without references. Nothing: it may be taken.
std::optional<std::string> first_fault(const Json& document, const plugin::Catalogue& catalogue);

}  // namespace pylon::admin
