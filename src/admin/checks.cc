#include "admin/checks.h"

#include <fmt/format.h>

#include <algorithm>

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

const Json* key_in(const Json& conf, std::string_view plugin, const plugin::Catalogue& catalogue) {
  const PluginType* type = catalogue.find(plugin);
  if (type == nullptr || type->spec.key_attribute.empty()) return nullptr;
  const Json* key = conf.find(type->spec.key_attribute);
  if (key == nullptr || !key->is_string()) return nullptr;
  return schema::is_secret_reference(key->as_string()) ? nullptr : key;
}

bool has_keys(const Json& plugins, const plugin::Catalogue& catalogue) {
  const Json::Object& all = plugins.members();
  return std::any_of(all.begin(), all.end(), [&](const auto& member) {
    return key_in(member.second, member.first, catalogue) != nullptr;
  });
}

FindOwner owners_known_to(const Node& node) {
  return [&node](std::string_view plugin, std::string_view key) {
    return node.key_owner(plugin, key);
  };
}

Result<void> check_key_owners(const Json& plugins, std::string_view consumer,
                              std::string_view credential, const plugin::Catalogue& catalogue,
                              const FindOwner& find_owner) {
  for (const auto& [name, conf] : plugins.members()) {
    const Json* key = key_in(conf, name, catalogue);
    if (key == nullptr) continue;
    std::optional<KeyOwner> owner = find_owner(name, key->as_string());
    if (!owner) continue;
    bool same_consumer = owner->consumer == consumer;
    bool own = same_consumer && (credential.empty() || owner->credential == credential);
    if (own) continue;
    std::string whose = owner->credential.empty() ? fmt::format("consumer: {}", owner->consumer)
                                                  : fmt::format("credential: {} of consumer: {}",
                                                                owner->credential, owner->consumer);
    return fail(fmt::format("duplicate {} of plugin {} found with {}",
                            catalogue.find(name)->spec.key_attribute, name, whose));
  }
  return {};
}

}  // namespace pylon::admin
