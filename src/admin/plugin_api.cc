#include "admin/plugin_api.h"

#include <fmt/format.h>

#include <string>

#include "admin/answer.h"
#include "base/strings.h"
#include "config/resource.h"

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

// A plugin that knows TCP connections belongs to the stream subsystem too.
bool belongs(const PluginType& type, bool of_stream) {
  return !of_stream || type.has(plugin::Phase::preread);
}

Json describe(const Catalogue& catalogue, const PluginType& type) {
  std::string_view name = type.spec.name;
  Json about = Json::object();
  about["version"] = Json(parse_double(type.spec.version).value_or(0));
  about["priority"] = Json(type.spec.priority);
  about["schema"] = *catalogue.schema(name, Document::config);
  if (const Json* metadata = catalogue.schema(name, Document::metadata)) {
    about["metadata_schema"] = *metadata;
  }
  if (const Json* consumer = catalogue.schema(name, Document::consumer)) {
    about["consumer_schema"] = *consumer;
  }
  if (type.spec.kind == plugin::PluginKind::auth) about["type"] = Json("auth");
  if (!type.spec.scope.empty()) about["scope"] = Json(type.spec.scope);
  return about;
}

}  // namespace

Json describe_plugins(const Catalogue& catalogue, bool of_stream) {
  Json plugins = Json::object();
  for (const PluginType* type : catalogue.enabled()) {
    if (belongs(*type, of_stream)) plugins[type->spec.name] = describe(catalogue, *type);
  }
  return plugins;
}

ApiResponse plugin_names(const Catalogue& catalogue, const ApiRequest& request) {
  std::string subsystem = subsystem_of(request);
  if (subsystem != kHttp && subsystem != kStream) {
    return text_answer(400, "invalid subsystem passed");
  }
  Json names = Json::array();
  for (const PluginType* type : catalogue.enabled()) {
    if (belongs(*type, subsystem == kStream)) names.push_back(Json(type->spec.name));
  }
  return json_answer(200, names);
}

ApiResponse plugin_schema(const Catalogue& catalogue, std::string_view name,
                          const ApiRequest& request) {
  std::string subsystem = subsystem_of(request);
  if (subsystem != kHttp && subsystem != kStream) {
    return error_answer(400, "unsupported subsystem: " + subsystem);
  }
  bool of_stream = subsystem == kStream;
  std::string argument;
  if (request.argument("all", argument) && argument == "true") {
    return json_answer(200, describe_plugins(catalogue, of_stream));
  }
  const PluginType* type = catalogue.find(name);
  if (type == nullptr || !belongs(*type, of_stream)) {
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
