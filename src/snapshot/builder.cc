#include "snapshot/builder.h"

#include "base/hash.h"
#include "observe/log.h"
#include "snapshot/batch.h"

namespace pylon::snapshot {

using config::Kind;

Builder::Builder(const Parts& parts)
    : parts_(parts),
      workshop_{endpoints_, health_, upstream_slots_, *this, parts.keepalive},
      current_(parts.mode) {
  rebuild_global_rules();
  current_.metadata = parts_.catalogue.metadata(metadata_);
}

Builder::~Builder() {
  for (auto& [id, route] : routes_) forget_names(route.upstream.get());
  for (auto& [id, service] : services_) forget_names(service.upstream.get());
  for (auto& [id, upstream] : upstreams_) forget_names(upstream.state.get());
}

std::unique_ptr<const Snapshot> Builder::apply(std::span<const Change> changes) {
  Batch batch(current_);
  for (const Change& change : changes) change_one(change, batch);
  return finish(batch);
}

std::unique_ptr<const Snapshot> Builder::readdress(const std::string& host) {
  auto owners = name_owners_.find(host);
  if (owners == name_owners_.end()) return nullptr;
  Batch batch(current_);
  Ids keys = owners->second;
  for (const std::string& key : keys) touch_owner(key, batch);
  return finish(batch);
}

std::vector<Quarantined> Builder::quarantined() const {
  std::vector<Quarantined> all;
  for (const auto& [key, item] : quarantined_) all.push_back(item);
  return all;
}

std::string Builder::key_of(Kind kind, std::string_view id) const {
  std::string key = parts_.key_prefix;
  key += '/';
  key += config::resource_type(kind).name;
  key += '/';
  key += id;
  return key;
}

void Builder::change_one(const Change& change, Batch& batch) {
  Result<void> done;
  switch (change.kind) {
    case Kind::route:
      done = change_route(change, batch);
      break;
    case Kind::service:
      done = change_service(change, batch);
      break;
    case Kind::upstream:
      done = change_upstream(change, batch);
      break;
    case Kind::consumer:
      done = change_consumer(change, batch);
      break;
    case Kind::credential:
      done = change_credential(change, batch);
      break;
    case Kind::consumer_group:
      done = change_plugins(change, consumer_groups_, batch);
      break;
    case Kind::plugin_config:
      done = change_plugins(change, plugin_configs_, batch);
      break;
    case Kind::global_rule:
      done = change_plugins(change, global_rules_, batch);
      break;
    case Kind::plugin_metadata:
      done = change_metadata(change, batch);
      break;
    default:
      return;  // served by later rooms
  }
  std::string key = key_of(change.kind, change.id);
  if (done) {
    quarantined_.erase(key);
    return;
  }
  observe::log(observe::Level::error, "{} is not served as it is stored: {}", key,
               done.error().message);
  quarantined_[key] = {change.kind, change.id, done.error().message};
}

Result<void> Builder::change_plugins(const Change& change, StringMap<PluginsResource>& resources,
                                     Batch& batch) {
  PluginsResource& resource = resources[change.id];
  uint64_t digest = change.value.empty() ? 0 : hash_bytes(change.value);
  if (digest == resource.digest) return {};
  Ref<const plugin::PluginSet> plugins;
  if (!change.value.empty()) {
    Result<Json> value = Json::parse(change.value);
    if (!value) return tl::unexpected(value.error());
    const Json* conf = value->find("plugins");
    std::string key = key_of(change.kind, change.id);
    Result<Ref<const plugin::PluginSet>> built = plugin::PluginSet::build(
        parts_.catalogue, conf == nullptr ? Json() : *conf, key, resource.plugins.get());
    if (!built) return tl::unexpected(built.error());
    plugins = std::move(*built);
  }
  resource.digest = digest;
  resource.plugins = std::move(plugins);
  batch.routes.insert(resource.routes.begin(), resource.routes.end());
  if (change.kind == Kind::global_rule) batch.global_rules = true;
  if (change.kind == Kind::consumer_group) {
    if (resource.plugins) {
      batch.consumer_groups.insert(change.id, resource.plugins);
    } else {
      batch.consumer_groups.erase(change.id);
    }
    batch.changed = true;
  }
  if (!resource.plugins && resource.routes.empty()) resources.erase(change.id);
  return {};
}

Result<void> Builder::change_metadata(const Change& change, Batch& batch) {
  if (change.value.empty()) {
    batch.metadata |= metadata_.erase(change.id);
    return {};
  }
  Result<Json> value = Json::parse(change.value);
  if (!value) return tl::unexpected(value.error());
  const Json* held = metadata_.find(change.id);
  if (held != nullptr && *held == *value) return {};
  metadata_[change.id] = std::move(*value);
  batch.metadata = true;
  return {};
}

void Builder::rebuild_global_rules() {
  std::vector<Ref<const plugin::PluginSet>> sets;
  for (const auto& [id, rule] : global_rules_) {
    if (rule.plugins) sets.push_back(rule.plugins);
  }
  current_.global_rules = make_ref<const plugin::SharedChain>(std::move(sets));
}

// ---- upstreams

const std::vector<IpAddress>& Builder::addresses(const std::string& host) {
  const std::vector<IpAddress>& known = parts_.names.want(host);
  parts_.names.drop(host);  // the watch is held by watch_names
  return known;
}

Result<std::unique_ptr<Builder::UpstreamState>> Builder::make_upstream(
    config::Upstream config, std::string key, const UpstreamState* previous) {
  auto state = std::make_unique<UpstreamState>();
  state->key = std::move(key);
  state->config = std::move(config);
  watch_names(*state);
  const upstream::Upstream* before = previous == nullptr ? nullptr : previous->compiled.get();
  auto compiled = upstream::compile(state->config, state->key, workshop_, before);
  if (!compiled) {
    forget_names(state.get());
    return tl::unexpected(compiled.error());
  }
  state->compiled = std::move(*compiled);
  return state;
}

void Builder::watch_names(UpstreamState& state) {
  state.names = upstream::domains_of(state.config);
  for (const std::string& name : state.names) {
    (void)parts_.names.want(name);
    name_owners_[name].insert(state.key);
  }
}

void Builder::forget_names(UpstreamState* state) {
  if (state == nullptr) return;
  for (const std::string& name : state->names) {
    parts_.names.drop(name);
    auto owners = name_owners_.find(name);
    if (owners == name_owners_.end()) continue;
    owners->second.erase(state->key);
    if (owners->second.empty()) name_owners_.erase(owners);
  }
  state->names.clear();
}

// The upstream that stands at `key` is compiled anew, since a name in it has other addresses.
void Builder::touch_owner(const std::string& key, Batch& batch) {
  std::string_view rest = std::string_view(key).substr(parts_.key_prefix.size() + 1);
  size_t slash = rest.find('/');
  std::string_view kind = rest.substr(0, slash);
  std::string id(rest.substr(slash + 1));
  UpstreamState* state = nullptr;
  if (kind == "routes") {
    auto found = routes_.find(id);
    if (found != routes_.end()) state = found->second.upstream.get();
    batch.routes.insert(id);
  } else if (kind == "services") {
    auto found = services_.find(id);
    if (found == services_.end()) return;
    state = found->second.upstream.get();
    batch.routes.insert(found->second.routes.begin(), found->second.routes.end());
  } else {
    auto found = upstreams_.find(id);
    if (found == upstreams_.end()) return;
    state = found->second.state.get();
    batch.take_dependents(found->second.routes, found->second.services);
  }
  if (state == nullptr) return;
  auto compiled = upstream::compile(state->config, state->key, workshop_, state->compiled.get());
  if (compiled) state->compiled = std::move(*compiled);
}

Result<void> Builder::change_upstream(const Change& change, Batch& batch) {
  UpstreamResource& resource = upstreams_[change.id];
  uint64_t digest = change.value.empty() ? 0 : hash_bytes(change.value);
  if (digest == resource.digest) return {};
  std::unique_ptr<UpstreamState> state;
  if (!change.value.empty()) {
    Result<Json> value = Json::parse(change.value);
    if (!value) return tl::unexpected(value.error());
    Result<config::Upstream> config = config::parse_upstream(std::move(*value));
    if (!config) return tl::unexpected(config.error());
    auto made =
        make_upstream(std::move(*config), key_of(change.kind, change.id), resource.state.get());
    if (!made) return tl::unexpected(made.error());
    state = std::move(*made);
  }
  resource.digest = digest;
  forget_names(resource.state.get());
  if (state != nullptr) {
    for (const std::string& name : state->names) name_owners_[name].insert(state->key);
  }
  resource.state = std::move(state);
  batch.take_dependents(resource.routes, resource.services);
  if (resource.state == nullptr && resource.routes.empty() && resource.services.empty()) {
    upstreams_.erase(change.id);
  }
  return {};
}

// ---- the end of a batch

std::unique_ptr<const Snapshot> Builder::finish(Batch& batch) {
  for (const std::string& id : batch.services) {
    auto service = services_.find(id);
    if (service == services_.end()) continue;
    batch.routes.insert(service->second.routes.begin(), service->second.routes.end());
  }
  for (const std::string& id : batch.routes) rebuild_route(id, batch);
  if (batch.global_rules) rebuild_global_rules();
  if (batch.metadata) current_.metadata = parts_.catalogue.metadata(metadata_);
  if (!batch.changed && !batch.global_rules && !batch.metadata) return nullptr;
  current_.routes = std::move(batch.table).commit();
  current_.routes_by_id = std::move(batch.by_id).commit();
  current_.consumers = std::move(batch.consumers).commit();
  current_.consumer_groups = std::move(batch.consumer_groups).commit();
  current_.credentials = std::move(batch.credentials).commit();
  return snapshot();
}

}  // namespace pylon::snapshot
