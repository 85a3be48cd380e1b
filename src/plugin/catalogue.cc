#include "plugin/catalogue.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "config/credential_index.h"
#include "observe/log.h"
#include "plugin/context.h"

namespace pylon::plugin {

using observe::Level;
using schema::JsonSchema;

struct Catalogue::Entry {
  PluginType type;
  std::array<bool, 2> enabled_in{true, true};         // by Subsystem
  std::array<std::optional<JsonSchema>, 3> schemas;   // by Document
  std::array<std::vector<std::string>, 3> encrypted;  // paths of fields

  bool enabled() const { return enabled_in[0] || enabled_in[1]; }
  const std::optional<JsonSchema>& schema(Document document) const {
    // A consumer may carry any plugin; one that is no auth plugin means the same there.
    if (document == Document::consumer && !schemas[1]) return schemas[0];
    return schemas[static_cast<size_t>(document)];
  }
};

namespace {

Json with_meta(Json document) {
  document["$comment"] = Json("this is a mark for our injected plugin schema");
  document["properties"]["_meta"] = meta_schema();
  return document;
}

// A plugin whose declaration gives no valid schema is a programmer's error.
JsonSchema compile(std::string_view name, Json document) {
  auto compiled = JsonSchema::compile(std::move(document));
  if (!compiled) {
    observe::log(Level::emerg, "schema of plugin {}: {}", name, compiled.error().message);
    std::abort();
  }
  return std::move(*compiled);
}

// Bits for the few plugins whose global instance gives way to the route's.
void number_prefer_route(std::vector<PluginType>& types) {
  uint64_t next = 1;
  for (PluginType& type : types) {
    if (!type.spec.prefer_route) continue;
    type.prefer_bit = next;
    next <<= 1;
  }
}

Error wrong_conf(std::string_view name, std::string_view message,
                 Subsystem subsystem = Subsystem::http) {
  std::string text = "failed to check the configuration of ";
  if (subsystem == Subsystem::http)
    return {text.append("plugin ").append(name).append(" err: ").append(message)};
  return {text.append("stream plugin [").append(name).append("]: ").append(message)};
}

}  // namespace

Catalogue::Catalogue(std::vector<PluginType> types, Services& services) : services_(services) {
  std::stable_sort(types.begin(), types.end(), [](const PluginType& a, const PluginType& b) {
    return a.spec.priority > b.spec.priority;
  });
  number_prefer_route(types);
  for (PluginType& type : types) {
    auto entry = std::make_unique<Entry>();
    std::string_view name = type.spec.name;
    entry->schemas[0] = compile(name, with_meta(type.config.schema()));
    entry->encrypted[0] = entry->encrypted[1] = type.config.encrypted_fields();
    if (type.consumer.schema) {
      entry->schemas[1] = compile(name, type.consumer.schema());
      entry->encrypted[1] = type.consumer.encrypted_fields();
    }
    if (type.metadata.schema) {
      entry->schemas[2] = compile(name, type.metadata.schema());
      entry->encrypted[2] = type.metadata.encrypted_fields();
    }
    entry->type = std::move(type);
    by_name_.emplace(name, entry.get());
    entries_.push_back(std::move(entry));
  }
}

Catalogue::~Catalogue() = default;

std::vector<std::string> Catalogue::enable(const std::vector<std::string>& names,
                                           const std::vector<std::string>& stream_names) {
  auto among = [](const std::vector<std::string>& list, std::string_view name) {
    return std::find(list.begin(), list.end(), name) != list.end();
  };
  for (auto& entry : entries_) {
    std::string_view name = entry->type.spec.name;
    entry->enabled_in = {among(names, name), among(stream_names, name)};
  }
  std::vector<std::string> unknown;
  for (const auto* list : {&names, &stream_names}) {
    for (const std::string& name : *list) {
      if (!by_name_.contains(name) && !among(unknown, name)) unknown.push_back(name);
    }
  }
  return unknown;
}

bool Catalogue::serves(const PluginType& type, Subsystem subsystem) const {
  const Entry* found = entry(type.spec.name);
  return found != nullptr && found->enabled_in[static_cast<size_t>(subsystem)] &&
         type.serves(subsystem);
}

const Catalogue::Entry* Catalogue::entry(std::string_view name) const {
  auto found = by_name_.find(name);
  return found != by_name_.end() && found->second->enabled() ? found->second : nullptr;
}

const PluginType* Catalogue::find(std::string_view name) const {
  const Entry* found = entry(name);
  return found != nullptr ? &found->type : nullptr;
}

std::vector<const PluginType*> Catalogue::enabled() const {
  std::vector<const PluginType*> types;
  for (const auto& entry : entries_) {
    if (entry->enabled()) types.push_back(&entry->type);
  }
  return types;
}

const Json* Catalogue::schema(std::string_view name, Document document) const {
  const Entry* found = entry(name);
  if (found == nullptr) return nullptr;
  const auto& schema = found->schemas[static_cast<size_t>(document)];
  return schema ? &schema->document() : nullptr;
}

const std::vector<std::string>& Catalogue::encrypted_fields(std::string_view name,
                                                            Document document) const {
  static const std::vector<std::string> kNone;
  const Entry* found = entry(name);
  return found != nullptr ? found->encrypted[static_cast<size_t>(document)] : kNone;
}

Result<Json> Catalogue::validated(const Entry& entry, Json conf, Document document) const {
  const auto& schema = entry.schema(document);
  if (schema) {
    if (auto message = schema->validate(conf)) return fail(std::move(*message));
  }
  return conf;
}

Result<void> Catalogue::check_document(const Entry& entry, Json conf, Document document) const {
  auto valid = validated(entry, std::move(conf), document);
  if (!valid) return tl::unexpected(valid.error());
  bool is_config = document == Document::config ||
                   (document == Document::consumer && !entry.type.consumer.schema);
  if (!is_config) return {};
  return entry.type.check({entry.type.spec.name, {}, *valid, services_});
}

Result<void> Catalogue::check(std::string_view name, Json conf, Document document,
                              Subsystem subsystem) const {
  if (!conf.is_object()) {
    return fail("invalid plugin conf " + conf.dump() + " for plugin [" + std::string(name) + "]");
  }
  const Entry* found = entry(name);
  if (found == nullptr) return fail("unknown plugin [" + std::string(name) + "]");
  if (auto checked = check_document(*found, conf, document); !checked) {
    const std::string& message = checked.error().message;
    if (!is_disabled(conf)) return tl::unexpected(wrong_conf(name, message, subsystem));
    observe::log(Level::warn, "configuration of the disabled plugin {} is wrong: {}", name,
                 message);
    return {};
  }
  if (document == Document::metadata) return {};
  auto meta = Meta::read(conf);
  if (!meta) return tl::unexpected(meta.error());
  return {};
}

Result<void> Catalogue::check_all(const Json& plugins, Document document,
                                  Subsystem subsystem) const {
  for (const auto& [name, conf] : plugins.members()) {
    const PluginType* type = find(name);
    bool known = type != nullptr && serves(*type, subsystem);
    if (conf.is_object() && !known) return fail("unknown plugin [" + std::string(name) + "]");
    if (auto checked = check(name, conf, document, subsystem); !checked) return checked;
  }
  return {};
}

Json Catalogue::with_defaults(std::string_view name, Json conf, Document document) const {
  const Entry* found = entry(name);
  if (found == nullptr) return conf;
  return validated(*found, conf, document).value_or(conf);
}

Result<Catalogue::Made> Catalogue::instantiate(const PluginType& type, Json conf,
                                               std::string_view resource) const {
  if (is_disabled(conf)) {
    Made disabled;
    disabled.meta.disable = true;
    return disabled;
  }
  const Entry* found = entry(type.spec.name);
  if (found == nullptr || !conf.is_object()) return fail("invalid plugin conf");
  auto valid = validated(*found, std::move(conf), Document::config);
  if (!valid) return tl::unexpected(wrong_conf(type.spec.name, valid.error().message));
  auto meta = Meta::read(*valid);
  if (!meta) return tl::unexpected(meta.error());
  auto instance = type.make({type.spec.name, resource, *valid, services_});
  if (!instance) return tl::unexpected(wrong_conf(type.spec.name, instance.error().message));
  return Made{std::move(*instance), std::move(*meta)};
}

Result<std::vector<Catalogue::AuthKey>> Catalogue::auth_keys(const Json& plugins) const {
  std::vector<AuthKey> keys;
  for (const auto& [name, conf] : plugins.members()) {
    const Entry* found = entry(name);
    if (found == nullptr || !found->type.make_auth || is_disabled(conf)) continue;
    auto valid = validated(*found, conf, Document::consumer);
    if (!valid) return tl::unexpected(wrong_conf(name, valid.error().message));
    const Json* key = valid->find(found->type.spec.key_attribute);
    if (key == nullptr || !key->is_string() || schema::is_secret_reference(key->as_string())) {
      observe::log(Level::error, "plugin {} of a consumer has no usable {}, skipped", name,
                   found->type.spec.key_attribute);
      continue;
    }
    auto auth = found->type.make_auth(*valid);
    if (!auth) return tl::unexpected(wrong_conf(name, auth.error().message));
    keys.push_back({&found->type, std::string(key->as_string()), std::move(*auth)});
  }
  return keys;
}

Ref<const MetadataSet> Catalogue::metadata(const Json& metadata) const {
  std::vector<Ref<const MetadataValue>> by_slot;
  for (const auto& [name, conf] : metadata.members()) {
    const Entry* found = entry(name);
    if (found == nullptr || !found->type.make_metadata) continue;
    auto valid = validated(*found, conf, Document::metadata);
    auto value = valid ? found->type.make_metadata(*valid)
                       : Result<Ref<const MetadataValue>>(tl::unexpected(valid.error()));
    if (!value) {
      observe::log(Level::warn, "metadata of plugin {} skipped: {}", name, value.error().message);
      continue;
    }
    uint32_t slot = services_.metadata_slot(name);
    if (slot >= by_slot.size()) by_slot.resize(slot + 1);
    by_slot[slot] = std::move(*value);
  }
  return make_ref<const MetadataSet>(std::move(by_slot));
}

}  // namespace pylon::plugin
