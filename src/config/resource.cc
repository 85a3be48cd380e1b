#include "config/resource.h"

#include <fmt/format.h>

#include "base/hash.h"
#include "config/consumer.h"
#include "config/plugin_config.h"
#include "config/proto.h"
#include "config/resource_checks.h"
#include "config/route.h"
#include "config/service.h"
#include "config/ssl.h"
#include "config/stream_route.h"
#include "config/upstream.h"

namespace pylon::config {
namespace {

using IdRule = ResourceType::IdRule;
using Methods = ResourceType::Methods;

template <class T>
const schema::JsonSchema* schema_of_type() {
  return &schema::compiled_schema_of<T>();
}

const schema::JsonSchema* no_schema() { return nullptr; }

constexpr Methods kAll{.post = true, .patch = true};
constexpr Methods kNoPost{.post = false, .patch = true};
constexpr Methods kNoPatch{.post = true, .patch = false};
constexpr Methods kNeither{.post = false, .patch = false};

constexpr ResourceType kTypes[] = {
    {Kind::route, "routes", "route", kAll, IdRule::id, true, "", schema_of_type<Route>,
     check_route},
    {Kind::service, "services", "service", kAll, IdRule::id, true, "", schema_of_type<Service>,
     check_service},
    {Kind::upstream, "upstreams", "upstream", kAll, IdRule::id, true, "", schema_of_type<Upstream>,
     check_upstream_resource},
    {Kind::consumer, "consumers", "consumer", kNeither, IdRule::username, true, "",
     schema_of_type<Consumer>, check_consumer},
    {Kind::credential, "credentials", "credential", kNeither, IdRule::id, true, "consumers",
     schema_of_type<ConsumerCredential>, check_credential},
    {Kind::consumer_group, "consumer_groups", "consumer group", kNoPost, IdRule::id, true, "",
     schema_of_type<ConsumerGroup>, check_consumer_group},
    {Kind::plugin_config, "plugin_configs", "plugin config", kNoPost, IdRule::id, true, "",
     schema_of_type<PluginConfig>, check_plugin_config},
    {Kind::global_rule, "global_rules", "global rule", kNoPost, IdRule::id, true, "",
     schema_of_type<GlobalRule>, check_global_rule},
    {Kind::ssl, "ssls", "ssl", kAll, IdRule::id, true, "", schema_of_type<Ssl>, check_ssl},
    {Kind::proto, "protos", "proto", kNoPatch, IdRule::id, true, "", schema_of_type<Proto>,
     check_proto},
    {Kind::stream_route, "stream_routes", "stream route", kNoPatch, IdRule::id, true, "",
     schema_of_type<StreamRoute>, check_stream_route},
    {Kind::plugin_metadata, "plugin_metadata", "plugin_metadata", kNeither, IdRule::plugin, false,
     "", no_schema, check_plugin_metadata},
    {Kind::secret, "secrets", "secret", kNoPost, IdRule::managed, true, "", no_schema,
     check_secret},
    {Kind::graphql_cost_decoration, "graphql_cost_decorations", "graphql cost decoration", kAll,
     IdRule::id, true, "services", schema_of_type<GraphqlCostDecoration>,
     check_graphql_cost_decoration},
};

// The list of enabled plugins, as apisix.yaml has it.
Json plugin_list_schema() {
  Json name = Json::object({{"type", "string"}, {"minLength", 1}});
  Json properties = Json::object({{"name", std::move(name)},
                                  {"stream", Json::object({{"type", "boolean"}})},
                                  {"additionalProperties", false}});
  Json item = Json::object({{"type", "object"},
                            {"properties", std::move(properties)},
                            {"required", Json::array({"name"})}});
  return Json::object({{"type", "array"}, {"items", std::move(item)}});
}

StringMap<Json> make_schema_documents() {
  StringMap<Json> documents;
  for (const ResourceType& type : kTypes) {
    const schema::JsonSchema* schema = type.schema();
    if (schema == nullptr) continue;
    std::string name(type.kind_word);
    for (char& c : name) c = c == ' ' ? '_' : c;
    documents.emplace(name, schema->document());
  }
  documents.emplace("plugins", plugin_list_schema());
  documents.emplace("upstream_hash_vars_schema", *find_hash_key_schema("vars"));
  documents.emplace("upstream_hash_header_schema", *find_hash_key_schema("header"));
  documents.emplace("upstream_hash_vars_combinations_schema",
                    *find_hash_key_schema("vars_combinations"));
  return documents;
}

void add_reference(Kind kind, const Json* id, std::vector<Reference>& references) {
  if (id == nullptr) return;
  std::string text = schema::text_of(*id);
  if (!text.empty()) references.push_back({kind, std::move(text)});
}

void add_plugin_references(const Json& plugins, std::vector<Reference>& references) {
  if (const Json* transcode = plugins.find("grpc-transcode")) {
    add_reference(Kind::proto, transcode->find("proto_id"), references);
  }
  const Json* split = plugins.find("traffic-split");
  const Json* rules = split != nullptr ? split->find("rules") : nullptr;
  if (rules == nullptr) return;
  for (const Json& rule : rules->items()) {
    const Json* targets = rule.find("weighted_upstreams");
    if (targets == nullptr) continue;
    for (const Json& target : targets->items()) {
      add_reference(Kind::upstream, target.find("upstream_id"), references);
    }
  }
}

}  // namespace

const Json* CheckHelp::find(Kind, std::string_view) const { return nullptr; }
Result<void> CheckHelp::check_plugins(Json&, PluginScope) const { return {}; }
Result<void> CheckHelp::check_plugin_metadata(std::string_view, Json&) const { return {}; }
bool CheckHelp::is_auth_plugin(std::string_view) const { return true; }
Result<void> CheckHelp::check_vars(const Json&) const { return {}; }
Result<void> CheckHelp::check_filter_func(std::string_view) const { return {}; }
Result<void> CheckHelp::check_script(std::string_view) const { return {}; }
Result<void> CheckHelp::check_proto(std::string_view) const { return {}; }
Result<void> CheckHelp::check_certificate(std::string_view, std::string_view) const { return {}; }

std::span<const ResourceType> resource_types() { return kTypes; }

const ResourceType& resource_type(Kind kind) { return kTypes[static_cast<size_t>(kind)]; }

const ResourceType* find_resource_type(std::string_view name) {
  for (const ResourceType& type : kTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

const Json* find_schema_document(std::string_view name) {
  static const StringMap<Json> documents = make_schema_documents();
  auto document = documents.find(name);
  return document != documents.end() ? &document->second : nullptr;
}

std::optional<std::string> forbidden_time(const Json& value) {
  constexpr std::string_view kTimes[] = {"create_time", "update_time"};
  for (std::string_view owner : {"", "upstream", "plugins"}) {
    const Json* holder = owner.empty() ? &value : value.find(owner);
    if (holder == nullptr) continue;
    for (std::string_view time : kTimes) {
      if (!holder->contains(time)) continue;
      return owner.empty() ? std::string(time) : fmt::format("{}.{}", owner, time);
    }
  }
  return std::nullopt;
}

std::vector<Reference> references_of(Kind kind, const Json& value) {
  std::vector<Reference> references;
  add_reference(Kind::upstream, value.find("upstream_id"), references);
  add_reference(Kind::service, value.find("service_id"), references);
  add_reference(Kind::plugin_config, value.find("plugin_config_id"), references);
  add_reference(Kind::consumer_group, value.find("group_id"), references);
  const Json* upstream = kind == Kind::upstream ? &value : value.find("upstream");
  if (const Json* tls = upstream != nullptr ? upstream->find("tls") : nullptr) {
    add_reference(Kind::ssl, tls->find("client_cert_id"), references);
  }
  if (const Json* protocol = value.find("protocol")) {
    add_reference(Kind::stream_route, protocol->find("superior_id"), references);
  }
  if (const Json* plugins = value.find("plugins")) add_plugin_references(*plugins, references);
  return references;
}

}  // namespace pylon::config
