// Routes and services: what depends on what, and what a route is made of.
#include "observe/log.h"
#include "router/rule.h"
#include "snapshot/batch.h"
#include "snapshot/builder.h"

namespace pylon::snapshot {

using config::Kind;

Result<void> Builder::change_route(const Change& change, Batch& batch) {
  if (change.value.empty()) {
    erase_route(change.id, batch);
    return {};
  }
  auto held = routes_.find(change.id);
  uint64_t digest = hash_bytes(change.value);
  if (held != routes_.end() && held->second.digest == digest) return {};

  Result<Json> value = Json::parse(change.value);
  if (!value) return tl::unexpected(value.error());
  Result<config::Route> config = config::parse_route(std::move(*value));
  if (!config) return tl::unexpected(config.error());
  std::string key = key_of(Kind::route, change.id);
  const plugin::PluginSet* old_plugins =
      held == routes_.end() ? nullptr : held->second.plugins.get();
  auto plugins = plugin::PluginSet::build(
      parts_.catalogue, Json(Json::Object(std::move(config->plugins))), key, old_plugins);
  if (!plugins) return tl::unexpected(plugins.error());
  config->plugins.clear();
  std::unique_ptr<UpstreamState> upstream;
  if (config->upstream != nullptr) {
    const UpstreamState* old = held == routes_.end() ? nullptr : held->second.upstream.get();
    auto made = make_upstream(std::move(*config->upstream), key, old);
    if (!made) return tl::unexpected(made.error());
    upstream = std::move(*made);
    config->upstream.reset();
  }
  RouteState& state = routes_[change.id];
  if (state.config != nullptr) refer(change.id, *state.config, false);
  if (state.sequence == 0) state.sequence = static_cast<uint64_t>(change.create_revision);
  if (!state.slot) state.slot = make_ref<const upstream::SharedId>(route_slots_);
  state.digest = digest;
  state.plugins = std::move(*plugins);
  forget_names(state.upstream.get());
  state.upstream = std::move(upstream);
  if (state.upstream != nullptr) {
    for (const std::string& name : state.upstream->names) name_owners_[name].insert(key);
  }
  state.config = std::make_unique<const config::Route>(std::move(*config));
  refer(change.id, *state.config, true);
  batch.routes.insert(change.id);
  return {};
}

void Builder::erase_route(const std::string& id, Batch& batch) {
  auto held = routes_.find(id);
  if (held == routes_.end()) return;
  RouteState& state = held->second;
  if (state.config != nullptr) refer(id, *state.config, false);
  forget_names(state.upstream.get());
  batch.table.erase(state.rule);
  batch.by_id.erase(id);
  batch.routes.erase(id);
  batch.changed = true;
  routes_.erase(held);
}

// Notes (or forgets) what the route refers to, so that it is compiled again when that changes.
void Builder::refer(const std::string& id, const config::Route& route, bool add) {
  auto note = [&](Ids& ids) { add ? (void)ids.insert(id) : (void)ids.erase(id); };
  if (!route.service_id.empty()) note(services_[route.service_id].routes);
  if (!route.upstream_id.empty()) note(upstreams_[route.upstream_id].routes);
  if (!route.plugin_config_id.empty()) note(plugin_configs_[route.plugin_config_id].routes);
}

Result<void> Builder::change_service(const Change& change, Batch& batch) {
  ServiceState& state = services_[change.id];
  uint64_t digest = change.value.empty() ? 0 : hash_bytes(change.value);
  if (digest == state.digest) return {};
  std::unique_ptr<config::Service> config;
  Ref<const plugin::PluginSet> plugins;
  std::unique_ptr<UpstreamState> upstream;
  if (!change.value.empty()) {
    Result<Json> value = Json::parse(change.value);
    if (!value) return tl::unexpected(value.error());
    Result<config::Service> parsed = schema::parse<config::Service>(std::move(*value));
    if (!parsed) return tl::unexpected(parsed.error());
    config = std::make_unique<config::Service>(std::move(*parsed));
    std::string key = key_of(Kind::service, change.id);
    auto built = plugin::PluginSet::build(
        parts_.catalogue, Json(Json::Object(std::move(config->plugins))), key, state.plugins.get());
    if (!built) return tl::unexpected(built.error());
    plugins = std::move(*built);
    config->plugins.clear();
    if (config->upstream != nullptr) {
      auto made = make_upstream(std::move(*config->upstream), key, state.upstream.get());
      if (!made) return tl::unexpected(made.error());
      upstream = std::move(*made);
      config->upstream.reset();
    }
  }
  if (state.config != nullptr && !state.config->upstream_id.empty()) {
    upstreams_[state.config->upstream_id].services.erase(change.id);
  }
  forget_names(state.upstream.get());
  if (upstream != nullptr) {
    for (const std::string& name : upstream->names) name_owners_[name].insert(upstream->key);
  }
  state.digest = digest;
  state.plugins = std::move(plugins);
  state.upstream = std::move(upstream);
  state.config = std::move(config);
  if (state.config != nullptr && !state.config->upstream_id.empty()) {
    upstreams_[state.config->upstream_id].services.insert(change.id);
  }
  batch.services.insert(change.id);
  return {};
}

// Compiles the route anew and puts it in the place of its last version.
void Builder::rebuild_route(const std::string& id, Batch& batch) {
  auto held = routes_.find(id);
  if (held == routes_.end()) return;
  RouteState& state = held->second;
  Ref<const Route> compiled = compile_route(id, state);
  const config::Route& config = *state.config;
  auto service = services_.find(config.service_id);
  bool inherits =
      config.hosts.empty() && service != services_.end() && service->second.config != nullptr;
  const std::vector<std::string>& hosts = inherits ? service->second.config->hosts : config.hosts;
  Result<Ref<const router::Rule>> rule =
      router::Rule::compile({config, hosts, state.sequence, compiled.get()}, parts_.mode);
  if (!rule) {
    std::string key = key_of(Kind::route, id);
    observe::log(observe::Level::error, "{}: {}", key, rule.error().message);
    quarantined_[key] = {Kind::route, id, rule.error().message};
    return;
  }
  batch.table.replace(state.rule, *rule);
  batch.by_id.insert(id, compiled);
  batch.changed = true;
  state.rule = std::move(*rule);
  state.compiled = std::move(compiled);
}

Ref<const Route> Builder::compile_route(const std::string& id, RouteState& state) const {
  const config::Route& config = *state.config;
  auto route = make_ref<Route>();
  route->id = id;
  route->name = config.name;
  route->slot_id = state.slot;
  const ServiceState* service = nullptr;
  if (!config.service_id.empty()) {
    service = &services_.find(config.service_id)->second;
    if (service->config == nullptr) route->refusal = 404;
    route->service_id = config.service_id;
    if (service->config != nullptr) route->service_name = service->config->name;
  }
  std::vector<Ref<const plugin::PluginSet>> sets;
  if (service != nullptr && service->plugins) sets.push_back(service->plugins);
  if (!config.plugin_config_id.empty()) {
    const PluginsResource& shared = plugin_configs_.find(config.plugin_config_id)->second;
    if (shared.plugins) {
      sets.push_back(shared.plugins);
    } else {
      route->refusal = 503;
    }
  }
  sets.push_back(state.plugins);
  route->chain = make_ref<const plugin::SharedChain>(std::move(sets));
  choose_upstream(state, service, *route);
  bool of_service = service != nullptr && service->config != nullptr &&
                    service->config->enable_websocket.value_or(false);
  route->websocket = config.enable_websocket.value_or(of_service);
  return route;
}

// route.upstream_id, then route.upstream, then the service's: its upstream_id, then its upstream.
void Builder::choose_upstream(const RouteState& state, const ServiceState* service,
                              Route& route) const {
  auto by_id = [&](const std::string& id) {
    auto found = upstreams_.find(id);
    bool there = found != upstreams_.end() && found->second.state != nullptr;
    route.failure_status = there ? 503 : 502;
    if (there) route.upstream = found->second.state->compiled;
  };
  const config::Route& config = *state.config;
  const config::Service* shared = service == nullptr ? nullptr : service->config.get();
  if (!config.upstream_id.empty()) {
    by_id(config.upstream_id);
  } else if (state.upstream != nullptr) {
    route.upstream = state.upstream->compiled;
  } else if (shared != nullptr && !shared->upstream_id.empty()) {
    by_id(shared->upstream_id);
  } else if (service != nullptr && service->upstream != nullptr) {
    route.upstream = service->upstream->compiled;
  }
  if (route.upstream) route.timeouts = route.upstream->timeouts;
  if (config.timeout != nullptr) route.timeouts = upstream::Timeouts::of(*config.timeout);
}

}  // namespace pylon::snapshot
