#include "admin/plugin_api.h"

#include <fmt/format.h>

#include <string>

#include "admin/answer.h"
#include "config/resource.h"
#include "plugin/description.h"

namespace pylon::admin {

using http::ApiRequest;
using http::ApiResponse;
using plugin::Catalogue;
using plugin::Document;
using plugin::PluginType;

namespace {

constexpr std::string_view kHttp = "http";
constexpr std::string_view kStream = "stream";

std::string subsystem_of(const ApiRequest& request) {
  std::string subsystem;
  return request.argument("subsystem", subsystem) ? subsystem : std::string(kHttp);
}

plugin::Subsystem subsystem_named(std::string_view name) {
  return name == kStream ? plugin::Subsystem::stream : plugin::Subsystem::http;
}

}  // namespace

ApiResponse plugin_names(const Catalogue& catalogue, const ApiRequest& request) {
  std::string subsystem = subsystem_of(request);
  if (subsystem != kHttp && subsystem != kStream) {
    return text_answer(400, "invalid subsystem passed");
  }
  Json names = Json::array();
  for (const PluginType* type : catalogue.enabled()) {
    if (catalogue.serves(*type, subsystem_named(subsystem))) names.push_back(Json(type->spec.name));
  }
  return json_answer(200, names);
}

ApiResponse plugin_schema(const Catalogue& catalogue, std::string_view name,
                          const ApiRequest& request) {
  std::string subsystem = subsystem_of(request);
  if (subsystem != kHttp && subsystem != kStream) {
    return error_answer(400, "unsupported subsystem: " + subsystem);
  }
  std::string argument;
  if (request.argument("all", argument) && argument == "true") {
    return json_answer(200, plugin::describe_all(catalogue, subsystem_named(subsystem)));
  }
  const PluginType* type = catalogue.find(name);
  if (type == nullptr || !catalogue.serves(*type, subsystem_named(subsystem))) {
    return error_answer(404, "plugin not found in subsystem " + subsystem);
  }
  bool of_consumer = request.argument("schema_type", argument) && argument == "consumer";
  const Json* schema = catalogue.schema(name, of_consumer ? Document::consumer : Document::config);
  if (schema == nullptr) return error_answer(400, "not found schema");
  return json_answer(200, *schema);
}

ApiResponse resource_schema(std::string_view name) {
  const Json* document = config::find_schema_document(name);
  if (document == nullptr) return error_answer(400, fmt::format("not found schema: {}", name));
  return json_answer(200, *document);
}

}  // namespace pylon::admin
