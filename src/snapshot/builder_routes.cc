// Routes and services: what depends on what, and what a route is made of.
#include <memory>
#include <utility>

#include "config/route.h"
#include "router/rule.h"
#include "snapshot/batch.h"
#include "snapshot/builder.h"

namespace pylon::snapshot {

using config::Kind;

namespace {

Json as_json(config::Plugins plugins) { return Json(Json::Object(std::move(plugins))); }

}  // namespace

// ---- routes

Result<void> Builder::change_route(const Change& change, Draft& draft, Batch& batch) {
  if (change.value.empty()) {
    erase_route(change.id, batch);
    return {};
  }
  auto held = routes_.find(change.id);
  const RouteState* old = held != routes_.end() ? &held->second : nullptr;
  if (old != nullptr && old->digest == draft.digest) return {};
  Result<RouteState> next = make_route(change, draft, old);
  if (!next) return tl::unexpected(next.error());
  if (old != nullptr) {
    unlink({Kind::route, change.id}, old->references.get());
    if (old->upstream != nullptr && next->upstream == nullptr) {
      upstream_maker_.forget(key_of(Kind::route, change.id));
    }
    batch.rules.replace(old->rule, next->rule);
    held->second = std::move(*next);
  } else {
    batch.rules.insert(next->rule);
    held = routes_.emplace(change.id, std::move(*next)).first;
  }
  link({Kind::route, change.id}, held->second.references.get());
  // What it refers to has been changed before it.
  if (!batch.routes.empty()) batch.routes.erase({Kind::route, change.id});
  compile_route(change.id, held->second, batch);
  return {};
}

Result<Builder::RouteState> Builder::make_route(const Change& change, Draft& draft,
                                                const RouteState* held) {
  RouteState next;
  next.digest = draft.digest;
  auto* config = &draft.as<config::Route>();
  std::string key = key_of(Kind::route, change.id);
  auto plugins = make_plugins(as_json(std::move(config->plugins)), key,
                              held != nullptr ? held->plugins.get() : nullptr);
  if (!plugins) return tl::unexpected(plugins.error());
  next.plugins = std::move(*plugins);
  if (config->upstream != nullptr) {
    auto made = upstream_maker_.make(std::move(*config->upstream), draft.upstream_digest,
                                     {Kind::route, change.id}, key,
                                     held != nullptr ? held->upstream : nullptr);
    if (!made) return tl::unexpected(made.error());
    next.upstream = std::move(*made);
  }
  next.sequence = static_cast<uint64_t>(change.create_revision);
  next.slot = held != nullptr ? held->slot : make_ref<const upstream::SharedId>(route_slots_);
  auto rule = make_rule(*config, next.sequence, *next.slot);
  if (!rule) return tl::unexpected(rule.error());
  next.rule = std::move(*rule);
  next.references = references_of(*config, change.value);
  next.name = std::move(config->name);
  if (config->timeout != nullptr) next.timeouts = upstream::Timeouts::of(*config->timeout);
  next.websocket = config->enable_websocket;
  return next;
}

std::unique_ptr<const Builder::References> Builder::references_of(config::Route& route,
                                                                  const std::string& text) {
  if (route.service_id.empty() && route.upstream_id.empty() && route.plugin_config_id.empty()) {
    return nullptr;
  }
  bool inherits_hosts = route.hosts.empty() && !route.service_id.empty();
  return std::make_unique<const References>(
      References{std::move(route.service_id), std::move(route.upstream_id),
                 std::move(route.plugin_config_id), inherits_hosts ? text : std::string()});
}

void Builder::erase_route(const std::string& id, Batch& batch) {
  auto held = routes_.find(id);
  if (held == routes_.end()) return;
  RouteState& state = held->second;
  unlink({Kind::route, id}, state.references.get());
  if (state.upstream != nullptr) upstream_maker_.forget(key_of(Kind::route, id));
  batch.rules.erase(state.rule);
  batch.compiled.erase(state.slot->id().index);
  batch.routes.erase({Kind::route, id});
  batch.changed = true;
  routes_.erase(held);
}

// Notes what the route refers to, so that it is compiled again when that changes.
void Builder::link(const Dependent& dependent, const References* references) {
  if (references == nullptr) return;
  const auto& [service_id, upstream_id, plugin_config_id, text] = *references;
  if (!service_id.empty()) services_[service_id].routes.insert(dependent);
  if (!upstream_id.empty()) upstreams_[upstream_id].routes.insert(dependent);
  if (!plugin_config_id.empty()) plugin_configs_[plugin_config_id].routes.insert(dependent);
}

// Takes the notes back, and forgets what was only known by them.
void Builder::unlink(const Dependent& dependent, const References* references) {
  if (references == nullptr) return;
  if (auto at = services_.find(references->service_id); at != services_.end()) {
    at->second.routes.erase(dependent);
    if (!at->second.exists && at->second.routes.empty()) services_.erase(at);
  }
  if (auto at = upstreams_.find(references->upstream_id); at != upstreams_.end()) {
    at->second.routes.erase(dependent);
    drop_if_unused(at);
  }
  if (auto at = plugin_configs_.find(references->plugin_config_id); at != plugin_configs_.end()) {
    at->second.routes.erase(dependent);
    if (at->second.digest == 0 && at->second.routes.empty()) plugin_configs_.erase(at);
  }
}

// Hosts are the route's, or those of its service.
Result<Ref<const router::Rule>> Builder::make_rule(const config::Route& config, uint64_t sequence,
                                                   const upstream::SharedId& slot) const {
  const std::vector<std::string>* hosts = &config.hosts;
  auto service = services_.find(config.service_id);
  if (hosts->empty() && service != services_.end()) hosts = &service->second.hosts;
  return router::Rule::compile({config, *hosts, sequence, &slot}, parts_.mode);
}

// The hosts of its service are others now.
void Builder::rehost_route(const std::string& id, Batch& batch) {
  RouteState& state = routes_.find(id)->second;
  if (state.references->text.empty()) return;
  Draft draft = read({Kind::route, id, state.references->text});
  if (!draft.content) return;  // it was read before
  auto rule = make_rule(draft.as<config::Route>(), state.sequence, *state.slot);
  if (!rule) return quarantine(Kind::route, id, rule.error());
  quarantined_.erase(key_of(Kind::route, id));
  batch.rules.replace(state.rule, *rule);
  state.rule = std::move(*rule);
  batch.changed = true;
}

void Builder::compile_route(const std::string& id, const RouteState& state, Batch& batch) const {
  auto route = make_ref<Route>();
  route->id = id;
  route->name = state.name;
  route->slot_id = state.slot;
  route->timeouts = state.timeouts;
  static const References kNone;
  const References& references = state.references != nullptr ? *state.references : kNone;
  route->service_id = references.service_id;
  const ServiceState* service = nullptr;
  if (!references.service_id.empty()) {
    service = &services_.find(references.service_id)->second;
    route->service_name = service->name;
    if (!service->exists) route->refusal = 404;
  }
  route->chain = chain_of(state, references, service, *route);
  choose_upstream(state, references, service, *route);
  bool of_service = service != nullptr && service->websocket.value_or(false);
  route->websocket = state.websocket.value_or(of_service);
  batch.compiled.insert(state.slot->id().index, std::move(route));
  batch.changed = true;
}

// The plugins of service, plugin config and route. Routes with the same single set share its chain.
Ref<const plugin::SharedChain> Builder::chain_of(const RouteState& state,
                                                 const References& references,
                                                 const ServiceState* service, Route& route) const {
  std::vector<Ref<const plugin::PluginSet>> sets;
  Ref<const plugin::SharedChain> alone;
  auto add = [&](const Plugins& plugins) {
    if (!plugins.set) return;
    sets.push_back(plugins.set);
    alone = plugins.chain;
  };
  if (service != nullptr) add(service->plugins);
  if (!references.plugin_config_id.empty()) {
    const PluginConfigState& shared = plugin_configs_.find(references.plugin_config_id)->second;
    add(shared.plugins);
    if (shared.digest == 0) route.refusal = 503;
  }
  add({state.plugins, nullptr});
  if (sets.empty()) return no_plugins_;
  if (sets.size() == 1 && alone) return alone;
  return make_ref<const plugin::SharedChain>(std::move(sets));
}

// route.upstream_id, then route.upstream, then the service's: its upstream_id, then its upstream.
void Builder::choose_upstream(const RouteState& state, const References& references,
                              const ServiceState* service, Route& route) const {
  auto share = [&](const std::string& id) {
    auto found = upstreams_.find(id);
    if (found == upstreams_.end() || found->second.made == nullptr) {
      route.failure_status = 502;
      return;
    }
    route.shared_upstream = found->second.made->compiled->slot;
  };
  if (!references.upstream_id.empty()) {
    share(references.upstream_id);
  } else if (state.upstream != nullptr) {
    route.own_upstream = state.upstream->compiled;
  } else if (service != nullptr && !service->upstream_id.empty()) {
    share(service->upstream_id);
  } else if (service != nullptr && service->upstream != nullptr) {
    route.shared_upstream = service->upstream->compiled->slot;
  }
}

// ---- services

Result<void> Builder::change_service(const Change& change, Draft& draft, Batch& batch) {
  if (change.value.empty()) {
    erase_service(change.id, batch);
    return {};
  }
  ServiceState next;
  if (Result<void> made = make_service(change, draft, next); !made) return made;

  ServiceState& state = services_[change.id];
  if (next.upstream != state.upstream) put_upstream(state.upstream, next.upstream, batch);
  bool only_upstream = state.exists && state.digest == next.digest &&
                       (state.upstream == nullptr) == (next.upstream == nullptr);
  bool rehost = state.hosts != next.hosts;
  unlink_service(change.id, state.upstream_id);
  next.routes = std::move(state.routes);
  state = std::move(next);
  link_service(change.id, state.upstream_id);
  if (only_upstream) return {};
  batch.add_routes(state.routes);
  if (!rehost) return {};
  for (const auto& [kind, id] : state.routes) {
    if (kind == Kind::route) rehost_route(id, batch);
  }
  return {};
}

Result<void> Builder::make_service(const Change& change, Draft& draft, ServiceState& next) {
  next.exists = true;
  next.digest = draft.digest;
  auto* config = &draft.as<config::Service>();
  auto held = services_.find(change.id);
  const ServiceState* old = held != services_.end() ? &held->second : nullptr;
  std::string key = key_of(Kind::service, change.id);
  auto set = make_plugins(as_json(std::move(config->plugins)), key,
                          old != nullptr ? old->plugins.set.get() : nullptr);
  if (!set) return tl::unexpected(set.error());
  if (*set) {
    next.plugins.chain =
        make_ref<const plugin::SharedChain>(std::vector<Ref<const plugin::PluginSet>>{*set});
  }
  next.plugins.set = std::move(*set);
  if (config->upstream != nullptr) {
    auto made = upstream_maker_.make(std::move(*config->upstream), draft.upstream_digest,
                                     {Kind::service, change.id}, key,
                                     old != nullptr ? old->upstream : nullptr);
    if (!made) return tl::unexpected(made.error());
    next.upstream = std::move(*made);
  }
  next.name = std::move(config->name);
  next.upstream_id = std::move(config->upstream_id);
  next.websocket = config->enable_websocket;
  next.hosts = std::move(config->hosts);
  return {};
}

void Builder::erase_service(const std::string& id, Batch& batch) {
  auto held = services_.find(id);
  if (held == services_.end() || !held->second.exists) return;
  ServiceState& state = held->second;
  unlink_service(id, state.upstream_id);
  put_upstream(state.upstream, nullptr, batch);
  if (state.upstream != nullptr) upstream_maker_.forget(key_of(Kind::service, id));
  bool rehost = !state.hosts.empty();
  Dependents routes = std::move(state.routes);
  state = ServiceState();
  batch.add_routes(routes);
  state.routes = std::move(routes);
  if (state.routes.empty()) {
    services_.erase(held);
    return;
  }
  if (!rehost) return;
  for (const auto& [kind, route] : state.routes) {
    if (kind == Kind::route) rehost_route(route, batch);
  }
}

void Builder::link_service(const std::string& id, const std::string& upstream_id) {
  if (!upstream_id.empty()) upstreams_[upstream_id].services.insert(id);
}

void Builder::unlink_service(const std::string& id, const std::string& upstream_id) {
  auto at = upstreams_.find(upstream_id);
  if (at == upstreams_.end()) return;
  at->second.services.erase(id);
  drop_if_unused(at);
}

}  // namespace pylon::snapshot
