#include "plugin/meta.h"

#include <utility>

namespace pylon::plugin {
namespace {

constexpr std::string_view kSchema = R"({
  "type": "object",
  "properties": {
    "disable": {"type": "boolean"},
    "error_response": {"oneOf": [{"type": "string"}, {"type": "object"}]},
    "priority": {"type": "integer", "description": "Place in the order of plugins, here."},
    "filter": {"type": "array", "description": "The plugin runs only where this condition holds."}
  },
  "additionalProperties": false
})";

std::string body_of(const Json& response) {
  return response.is_string() ? std::string(response.as_string()) : response.dump() + '\n';
}

}  // namespace

const Json& meta_schema() {
  static const Json schema = *Json::parse(kSchema);
  return schema;
}

bool is_disabled(const Json& conf) {
  const Json* meta = conf.find("_meta");
  const Json* disable = meta != nullptr ? meta->find("disable") : nullptr;
  return disable != nullptr && disable->as_bool();
}

Result<Meta> Meta::read(const Json& conf) {
  Meta meta;
  const Json* given = conf.find("_meta");
  if (given == nullptr) return meta;
  meta.disable = is_disabled(conf);
  if (const Json* priority = given->find("priority")) {
    meta.priority = static_cast<int>(priority->as_int());
  }
  if (const Json* response = given->find("error_response")) {
    meta.error_response = body_of(*response);
  }
  if (const Json* filter = given->find("filter")) {
    auto condition = expr::Condition::compile(*filter);
    if (!condition) {
      return fail("failed to validate the 'vars' expression: " + condition.error().message);
    }
    meta.filter = std::move(*condition);
  }
  return meta;
}

}  // namespace pylon::plugin
