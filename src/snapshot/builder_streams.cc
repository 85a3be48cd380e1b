// Stream routes: what TCP connections and UDP sessions are matched with, and what that is made of.
#include <utility>

#include "base/strings.h"
#include "config/stream_route.h"
#include "snapshot/batch.h"
#include "snapshot/builder.h"

namespace pylon::snapshot {

using config::Kind;

namespace {

// An empty text is no condition.
Result<std::optional<Cidr>> read_block(std::string_view field, const std::string& text) {
  if (text.empty()) return std::optional<Cidr>();
  std::optional<Cidr> block = Cidr::parse(text);
  if (!block) return fail(std::string(field) + ": \"" + text + "\" is no address or block");
  return block;
}

}  // namespace

Result<void> Builder::change_stream_route(const Change& change, Draft& draft, Batch& batch) {
  if (change.value.empty()) {
    erase_stream_route(change.id, batch);
    return {};
  }
  auto held = stream_routes_.find(change.id);
  const StreamState* old = held != stream_routes_.end() ? &held->second : nullptr;
  if (old != nullptr && old->digest == draft.digest) return {};
  Result<StreamState> next = make_stream_route(change, draft, old);
  if (!next) return tl::unexpected(next.error());
  Dependent self{Kind::stream_route, change.id};
  if (old != nullptr) {
    References references = references_of(*old);
    unlink(self, &references);
    if (old->upstream != nullptr && next->upstream == nullptr) {
      upstream_maker_.forget(key_of(Kind::stream_route, change.id));
    }
    next->compiled = old->compiled;  // until the end of the batch
    held->second = std::move(*next);
  } else {
    held = stream_routes_.emplace(change.id, std::move(*next)).first;
  }
  References references = references_of(held->second);
  link(self, &references);
  batch.routes.insert(std::move(self));
  batch.changed = true;
  return {};
}

Builder::References Builder::references_of(const StreamState& state) {
  return {state.conditions.service_id, state.upstream_id, {}, {}};
}

Result<Builder::StreamState> Builder::make_stream_route(const Change& change, Draft& draft,
                                                        const StreamState* held) {
  StreamState next;
  next.digest = draft.digest;
  auto* config = &draft.as<config::StreamRoute>();
  if (config->protocol != nullptr) {
    return fail("protocol: \"" + config->protocol->name + "\" is not spoken yet");
  }
  auto remote = read_block("remote_addr", config->remote_addr);
  if (!remote) return tl::unexpected(remote.error());
  auto server = read_block("server_addr", config->server_addr);
  if (!server) return tl::unexpected(server.error());
  std::string key = key_of(Kind::stream_route, change.id);
  auto plugins = make_plugins(Json(Json::Object(std::move(config->plugins))), key,
                              held != nullptr ? held->plugins.get() : nullptr);
  if (!plugins) return tl::unexpected(plugins.error());
  if (config->upstream != nullptr) {
    auto made = upstream_maker_.make(std::move(*config->upstream), draft.upstream_digest,
                                     {Kind::stream_route, change.id}, key,
                                     held != nullptr ? held->upstream : nullptr);
    if (!made) return tl::unexpected(made.error());
    next.upstream = std::move(*made);
  }
  next.plugins = std::move(*plugins);
  next.upstream_id = std::move(config->upstream_id);
  next.conditions.id = change.id;
  next.conditions.service_id = std::move(config->service_id);
  next.conditions.sequence = static_cast<uint64_t>(change.create_revision);
  next.conditions.remote_addr = *remote;
  next.conditions.server_addr = *server;
  next.conditions.server_port = static_cast<uint16_t>(config->server_port.value_or(0));
  next.conditions.sni = to_lower(config->sni);
  return next;
}

void Builder::erase_stream_route(const std::string& id, Batch& batch) {
  auto held = stream_routes_.find(id);
  if (held == stream_routes_.end()) return;
  const StreamState& state = held->second;
  Dependent self{Kind::stream_route, id};
  References references = references_of(state);
  unlink(self, &references);
  if (state.upstream != nullptr) upstream_maker_.forget(key_of(Kind::stream_route, id));
  if (state.compiled) batch.streams.erase(*state.compiled);
  batch.routes.erase(self);
  batch.changed = true;
  stream_routes_.erase(held);
}

// As for a route: upstream_id, then upstream, then the service's upstream_id, then its upstream. A
// service that is not there leaves the route without upstream: it takes connections and ends them.
void Builder::compile_stream_route(const std::string& id, Batch& batch) {
  auto held = stream_routes_.find(id);
  if (held == stream_routes_.end()) return;
  StreamState& state = held->second;
  auto route = make_ref<StreamRoute>(state.conditions);
  route->labels.route_id = route->id;
  route->labels.service_id = route->service_id;
  const ServiceState* service = nullptr;
  if (!route->service_id.empty()) service = &services_.find(route->service_id)->second;
  std::vector<Ref<const plugin::PluginSet>> sets;
  if (service != nullptr && service->plugins.set) sets.push_back(service->plugins.set);
  if (state.plugins) sets.push_back(state.plugins);
  route->chain = sets.empty() ? no_plugins_ : make_ref<const plugin::SharedChain>(std::move(sets));
  const std::string* shared = &state.upstream_id;
  if (shared->empty() && state.upstream == nullptr && service != nullptr) {
    shared = &service->upstream_id;
    if (service->upstream != nullptr) route->shared_upstream = service->upstream->compiled->slot;
  }
  auto found = upstreams_.find(*shared);
  if (!shared->empty()) {
    bool exists = found != upstreams_.end() && found->second.made != nullptr;
    route->shared_upstream = exists ? found->second.made->compiled->slot : nullptr;
  } else if (state.upstream != nullptr) {
    route->own_upstream = state.upstream->compiled;
  }
  if (state.compiled) batch.streams.erase(*state.compiled);
  state.compiled = std::move(route);
  batch.streams.insert(state.compiled);
  batch.changed = true;
}

}  // namespace pylon::snapshot
