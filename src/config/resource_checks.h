// One check per kind of resource; resource.cc puts them into the list. See ResourceType::check.
#pragma once

#include "config/resource.h"

namespace pylon::config {

Result<void> check_route(Json& value, const CheckContext& context);
Result<void> check_service(Json& value, const CheckContext& context);
Result<void> check_upstream_resource(Json& value, const CheckContext& context);
Result<void> check_consumer(Json& value, const CheckContext& context);
Result<void> check_credential(Json& value, const CheckContext& context);
Result<void> check_consumer_group(Json& value, const CheckContext& context);
Result<void> check_plugin_config(Json& value, const CheckContext& context);
Result<void> check_global_rule(Json& value, const CheckContext& context);
Result<void> check_ssl(Json& value, const CheckContext& context);
Result<void> check_proto(Json& value, const CheckContext& context);
Result<void> check_stream_route(Json& value, const CheckContext& context);
Result<void> check_plugin_metadata(Json& value, const CheckContext& context);
Result<void> check_secret(Json& value, const CheckContext& context);
Result<void> check_graphql_cost_decoration(Json& value, const CheckContext& context);

}  // namespace pylon::config
