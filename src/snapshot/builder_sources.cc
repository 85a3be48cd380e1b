// Where what is served comes from, for whoever explains it.
#include "snapshot/builder.h"

namespace pylon::snapshot {

using config::Kind;

std::vector<Builder::Source> Builder::plugin_sources(const std::string& route_id) const {
  std::vector<Source> sources;
  auto add = [&](Kind kind, const std::string& id, const Ref<const plugin::PluginSet>& set) {
    if (set) sources.push_back({key_of(kind, id), set});
  };
  auto route = routes_.find(route_id);
  if (route == routes_.end()) return sources;
  if (const References* references = route->second.references.get()) {
    auto service = services_.find(references->service_id);
    if (service != services_.end()) add(Kind::service, service->first, service->second.plugins.set);
    auto shared = plugin_configs_.find(references->plugin_config_id);
    if (shared != plugin_configs_.end()) {
      add(Kind::plugin_config, shared->first, shared->second.plugins.set);
    }
  }
  add(Kind::route, route_id, route->second.plugins);
  return sources;
}

Ref<const plugin::PluginSet> Builder::consumer_plugins(const std::string& name) const {
  auto held = consumers_.find(name);
  bool known = held != consumers_.end() && held->second.consumer;
  return known ? held->second.consumer->own_plugins : nullptr;
}

std::vector<Builder::Source> Builder::global_sources() const {
  std::vector<Source> sources;
  for (const auto& [id, rule] : global_rules_) {
    sources.push_back({key_of(Kind::global_rule, id), rule.set});
  }
  return sources;
}

// In the order of choose_upstream().
std::string Builder::upstream_source(const std::string& route_id) const {
  auto route = routes_.find(route_id);
  if (route == routes_.end()) return {};
  static const References kNone;
  const auto& held = route->second.references;
  const References& references = held != nullptr ? *held : kNone;
  if (!references.upstream_id.empty()) return key_of(Kind::upstream, references.upstream_id);
  if (route->second.upstream != nullptr) return key_of(Kind::route, route_id);
  auto service = services_.find(references.service_id);
  if (service == services_.end()) return {};
  const std::string& shared = service->second.upstream_id;
  if (!shared.empty()) return key_of(Kind::upstream, shared);
  return service->second.upstream != nullptr ? key_of(Kind::service, service->first) : "";
}

std::vector<std::string> Builder::some_users(config::Kind kind, std::string_view id) const {
  constexpr size_t kSome = 4;
  std::vector<std::string> keys;
  auto add = [&](config::Kind user, std::string_view name) {
    if (keys.size() < kSome) keys.push_back(key_of(user, name));
  };
  auto add_all = [&](const auto& states) {
    auto state = states.find(id);
    if (state == states.end()) return;
    for (const Dependent& user : state->second.routes) {
      if (keys.size() == kSome) return;
      add(user.kind, user.id);
    }
  };
  if (kind == config::Kind::service) add_all(services_);
  if (kind == config::Kind::plugin_config) add_all(plugin_configs_);
  if (kind != config::Kind::upstream) return keys;
  add_all(upstreams_);
  auto upstream = upstreams_.find(id);
  if (upstream == upstreams_.end()) return keys;
  for (const std::string& service : upstream->second.services) {
    if (keys.size() == kSome) return keys;
    add(config::Kind::service, service);
  }
  return keys;
}

}  // namespace pylon::snapshot
