// Sets of plugins that stand for themselves: plugin configs, consumer groups, global rules; and
// what all configurations of a plugin share.
#include <map>

#include "observe/log.h"
#include "protobuf/registry.h"
#include "snapshot/batch.h"
#include "snapshot/builder.h"

namespace pylon::snapshot {

using config::Kind;

namespace {

const Json& plugins_of(const Json& value) {
  static const Json kNone;
  const Json* plugins = value.find("plugins");
  return plugins != nullptr ? *plugins : kNone;
}

}  // namespace

// Null when there are no plugins.
Result<Ref<const plugin::PluginSet>> Builder::make_plugins(
    const Json& plugins, std::string_view key, const plugin::PluginSet* previous) const {
  auto set = plugin::PluginSet::build(parts_.catalogue, plugins, key, previous);
  if (set && (*set)->empty()) return Ref<const plugin::PluginSet>();
  return set;
}

Result<void> Builder::change_plugin_config(const Change& change, Draft& draft, Batch& batch) {
  auto held = plugin_configs_.find(change.id);
  PluginConfigState next;
  if (!change.value.empty()) {
    next.digest = draft.digest;
    if (held != plugin_configs_.end() && held->second.digest == next.digest) return {};
    const plugin::PluginSet* previous =
        held != plugin_configs_.end() ? held->second.plugins.set.get() : nullptr;
    auto set = make_plugins(plugins_of(draft.as<Json>()), key_of(change.kind, change.id), previous);
    if (!set) return tl::unexpected(set.error());
    if (*set) {
      next.plugins.chain =
          make_ref<const plugin::SharedChain>(std::vector<Ref<const plugin::PluginSet>>{*set});
    }
    next.plugins.set = std::move(*set);
  }
  if (held == plugin_configs_.end()) held = plugin_configs_.try_emplace(change.id).first;
  next.routes = std::move(held->second.routes);
  batch.add_routes(next.routes);
  held->second = std::move(next);
  if (held->second.digest == 0 && held->second.routes.empty()) plugin_configs_.erase(held);
  return {};
}

Result<void> Builder::change_consumer_group(const Change& change, Draft& draft, Batch& batch) {
  auto held = consumer_groups_.find(change.id);
  if (change.value.empty()) {
    if (held == consumer_groups_.end()) return {};
    consumer_groups_.erase(held);
    batch.consumer_groups.erase(change.id);
    batch.changed = true;
    return {};
  }
  if (held != consumer_groups_.end() && held->second.digest == draft.digest) return {};
  const plugin::PluginSet* previous =
      held != consumer_groups_.end() ? held->second.set.get() : nullptr;
  auto set = plugin::PluginSet::build(parts_.catalogue, plugins_of(draft.as<Json>()),
                                      key_of(change.kind, change.id), previous,
                                      plugin::PluginSet::Owner::consumer);
  if (!set) return tl::unexpected(set.error());
  consumer_groups_[change.id] = {draft.digest, *set};
  batch.consumer_groups.insert(change.id, *set);
  batch.changed = true;
  return {};
}

Result<void> Builder::change_global_rule(const Change& change, Draft& draft, Batch& batch) {
  auto held = global_rules_.find(change.id);
  if (change.value.empty()) {
    if (held == global_rules_.end()) return {};
    global_rules_.erase(held);
    batch.global_rules = true;
    return {};
  }
  if (held != global_rules_.end() && held->second.digest == draft.digest) return {};
  const plugin::PluginSet* previous =
      held != global_rules_.end() ? held->second.set.get() : nullptr;
  const Json& plugins = plugins_of(draft.as<Json>());
  auto set =
      plugin::PluginSet::build(parts_.catalogue, plugins, key_of(change.kind, change.id), previous);
  if (!set) return tl::unexpected(set.error());
  global_rules_[change.id] = {draft.digest, plugins, std::move(*set)};
  batch.global_rules = true;
  return {};
}

// A plugin that two rules carry runs in neither, as in APISIX: nobody could say which was meant.
// The Admin API refuses the second.
void Builder::rebuild_global_rules() {
  std::map<std::string_view, int> carriers;
  for (const auto& [id, rule] : global_rules_) {
    for (const auto& [name, conf] : rule.plugins.members()) ++carriers[name];
  }
  std::vector<Ref<const plugin::PluginSet>> sets;
  for (const auto& [id, rule] : global_rules_) {
    Json own = Json::object();
    for (const auto& [name, conf] : rule.plugins.members()) {
      if (carriers[name] == 1) own[name] = conf;
    }
    if (own.size() == rule.plugins.size()) {
      sets.push_back(rule.set);
      continue;
    }
    std::string key = key_of(Kind::global_rule, id);
    observe::log(observe::Level::error,
                 "{}: plugins that other global rules carry too are left out", key);
    auto set = plugin::PluginSet::build(parts_.catalogue, own, key, rule.set.get());
    if (set) sets.push_back(std::move(*set));
  }
  current_.global_rules = make_ref<const plugin::SharedChain>(std::move(sets));
}

Result<void> Builder::change_metadata(const Change& change, Draft& draft, Batch& batch) {
  if (change.value.empty()) {
    batch.metadata |= metadata_.erase(change.id);
    return {};
  }
  const Json* held = metadata_.find(change.id);
  Json& value = draft.as<Json>();
  bool same = held != nullptr && *held == value;
  if (same && metadata_round_ == catalogue_round_) return {};
  metadata_[change.id] = std::move(value);
  metadata_round_ = catalogue_round_;
  batch.metadata = true;
  return {};
}

// Plugins hold the place of a definition: nothing has to be compiled again.
Result<void> Builder::change_proto(const Change& change, Draft& draft) const {
  auto& all = parts_.catalogue.services().get<protobuf::Registry>(protobuf::Registry::kService);
  if (change.value.empty()) {
    all.erase(change.id);
    return {};
  }
  const Json* content = draft.as<Json>().find("content");
  return all.put(change.id, content != nullptr ? content->as_string() : std::string_view{});
}

}  // namespace pylon::snapshot
