#include "plugin/description.h"

#include "base/strings.h"

namespace pylon::plugin {
namespace {

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
  if (type.spec.kind == PluginKind::auth) about["type"] = Json("auth");
  if (!type.spec.scope.empty()) about["scope"] = Json(type.spec.scope);
  return about;
}

}  // namespace

Json describe_all(const Catalogue& catalogue, Subsystem subsystem) {
  Json plugins = Json::object();
  for (const PluginType* type : catalogue.enabled()) {
    if (catalogue.serves(*type, subsystem)) plugins[type->spec.name] = describe(catalogue, *type);
  }
  return plugins;
}

}  // namespace pylon::plugin
