#include "admin/checks.h"

#include <fmt/format.h>

#include "admin/certificate.h"
#include "expr/condition.h"
#include "protobuf/schema.h"
#include "schema/json_schema.h"

namespace pylon::admin {

using config::Kind;
using config::PluginScope;
using plugin::Document;
using plugin::PluginType;

namespace {

constexpr std::string_view kNoLua = "this gateway has no Lua runtime";

}  // namespace

const Json* Checks::find(Kind kind, std::string_view id) const {
  for (const FetchedReference& reference : *references_) {
    if (reference.kind == kind && reference.id == id) return &reference.value;
  }
  return nullptr;
}

Result<void> Checks::check_plugins(Json& plugins, PluginScope scope) const {
  if (scope == PluginScope::stream) {
    return catalogue_.check_all(plugins, Document::config, plugin::Subsystem::stream);
  }
  bool of_consumer = scope == PluginScope::consumer;
  return catalogue_.check_all(plugins, of_consumer ? Document::consumer : Document::config);
}

Result<void> Checks::check_plugin_metadata(std::string_view plugin, Json& value) const {
  if (catalogue_.find(plugin) == nullptr) return fail("invalid plugin name");
  const Json* document = catalogue_.schema(plugin, Document::metadata);
  static const Json kAnyObject = Json::object({{"type", "object"}});
  auto compiled = schema::JsonSchema::compile(document != nullptr ? *document : kAnyObject);
  if (!compiled) return tl::unexpected(compiled.error());
  if (auto message = compiled->validate(value)) return fail("invalid configuration: " + *message);
  return {};
}

bool Checks::is_auth_plugin(std::string_view plugin) const {
  const PluginType* type = catalogue_.find(plugin);
  return type != nullptr && type->spec.kind == plugin::PluginKind::auth;
}

Result<void> Checks::check_vars(const Json& vars) const {
  auto condition = expr::Condition::compile(vars);
  if (!condition) return tl::unexpected(condition.error());
  return {};
}

// What would decide about requests and cannot run is refused, not ignored.
Result<void> Checks::check_filter_func(std::string_view) const {
  return fail(fmt::format("failed to load 'filter_func' string: {}", kNoLua));
}

Result<void> Checks::check_script(std::string_view) const {
  return fail(fmt::format("failed to load 'script' string: {}", kNoLua));
}

Result<void> Checks::check_proto(std::string_view content) const {
  auto schema = protobuf::Schema::compile(content);
  if (!schema) return tl::unexpected(schema.error());
  return {};
}

Result<void> Checks::check_certificate(std::string_view certificate, std::string_view key) const {
  return admin::check_certificate(certificate, key);
}

Result<void> check_key_owners(const Json& plugins, std::string_view consumer,
                              std::string_view credential, const plugin::Catalogue& catalogue,
                              const Node& node) {
  for (const auto& [name, conf] : plugins.members()) {
    const PluginType* type = catalogue.find(name);
    if (type == nullptr || type->spec.key_attribute.empty()) continue;
    const Json* key = conf.find(type->spec.key_attribute);
    if (key == nullptr || !key->is_string()) continue;
    if (schema::is_secret_reference(key->as_string())) continue;  // known only when it is used
    std::optional<KeyOwner> owner = node.key_owner(name, key->as_string());
    if (!owner) continue;
    bool same_consumer = owner->consumer == consumer;
    bool own = same_consumer && (credential.empty() || owner->credential == credential);
    if (own) continue;
    std::string whose = owner->credential.empty() ? fmt::format("consumer: {}", owner->consumer)
                                                  : fmt::format("credential: {} of consumer: {}",
                                                                owner->credential, owner->consumer);
    return fail(fmt::format("duplicate {} of plugin {} found with {}", type->spec.key_attribute,
                            name, whose));
  }
  return {};
}

}  // namespace pylon::admin
