#include "snapshot/builder.h"

#include <algorithm>
#include <array>
#include <utility>

#include "config/secret_manager.h"
#include "observe/log.h"
#include "snapshot/batch.h"
#include "snapshot/read_ahead.h"
#include "tls/credentials.h"

namespace pylon::snapshot {

using config::Kind;

namespace {

// What others refer to comes first, so that it is there when they are compiled.
size_t rank(Kind kind) {
  switch (kind) {
    case Kind::route:
    case Kind::stream_route:
      return 2;
    case Kind::service:
      return 1;
    default:
      return 0;
  }
}

std::vector<Change*> by_rank(std::span<Change> changes) {
  std::array<std::vector<Change*>, 3> ranks;
  ranks[0].reserve(changes.size());
  for (Change& change : changes) ranks[rank(change.kind)].push_back(&change);
  std::vector<Change*> all = std::move(ranks[0]);
  for (size_t i = 1; i < ranks.size(); ++i) {
    all.insert(all.end(), ranks[i].begin(), ranks[i].end());
  }
  return all;
}

}  // namespace

Builder::Builder(const Parts& parts)
    : parts_(parts),
      reader_(parts.catalogue, parts.values),
      upstream_maker_(parts.names, parts.keepalive, parts.catalogue.services().upstreams().ids()),
      no_plugins_(make_ref<const plugin::SharedChain>(std::vector<Ref<const plugin::PluginSet>>())),
      current_(parts.mode) {
  current_.global_rules = no_plugins_;
  current_.metadata = parts_.catalogue.metadata(metadata_);
}

Builder::~Builder() = default;

std::unique_ptr<const Snapshot> Builder::apply(std::vector<Change> changes) {
  std::vector<Change*> ordered = by_rank(changes);
  make_room(changes);
  Batch batch(current_);
  ReadAhead ahead(reader_, ordered);
  for (Change* change : ordered) {
    change_one(*change, ahead.next(), batch);
    std::string().swap(change->value);  // much, and the next ones need room
  }
  return finish(batch);
}

// One that nobody has read ahead.
Draft Builder::read(const Change& change) const {
  Draft draft = reader_.read(change);
  settle(change, draft);
  return draft;
}

// What only this thread knows: secrets, and which plugins are enabled.
void Builder::settle(const Change& change, Draft& draft) const {
  if (change.value.empty() || !draft.content) return;
  if (parts_.values != nullptr) {
    parts_.values->resolve(change.kind, change.id, draft.open ? &draft.as<Json>() : nullptr);
  }
  if (draft.open) reader_.close(change.kind, draft);
  draft.digest = (draft.digest ^ (catalogue_round_ << 1)) | 1;
}

// The first load brings very many at once.
void Builder::make_room(std::span<const Change> changes) {
  if (changes.size() <= std::max(routes_.size(), consumers_.size())) return;
  size_t routes = 0, consumers = 0;
  for (const Change& change : changes) {
    routes += change.kind == Kind::route;
    consumers += change.kind == Kind::consumer;
  }
  // Twice as much: most places that are looked at are then empty.
  routes_.reserve(2 * routes);
  consumers_.reserve(2 * consumers);
}

std::unique_ptr<const Snapshot> Builder::readdress(const std::string& host) {
  Batch batch(current_);
  for (const Owner& owner : upstream_maker_.users_of(host)) {
    UpstreamPtr made;
    if (owner.kind == Kind::route) {
      made = routes_.find(owner.id)->second.upstream;
    } else if (owner.kind == Kind::stream_route) {
      made = stream_routes_.find(owner.id)->second.upstream;
    } else if (owner.kind == Kind::service) {
      made = services_.find(owner.id)->second.upstream;
    } else {
      made = upstreams_.find(owner.id)->second.made;
    }
    upstream_maker_.renew(*made);
    if (owner.kind == Kind::route || owner.kind == Kind::stream_route) {
      batch.routes.insert({owner.kind, owner.id});
    } else {
      put_upstream(made, made, batch);
    }
  }
  return finish(batch);
}

std::vector<Quarantined> Builder::quarantined() const {
  std::vector<Quarantined> all;
  for (const auto& [key, item] : quarantined_) all.push_back(item);
  return all;
}

void Builder::quarantine(Kind kind, const std::string& id, const Error& error) {
  std::string key = key_of(kind, id);
  std::string reason = error.message;
  if (parts_.values != nullptr) reason = parts_.values->redacted(std::move(reason));
  observe::log(observe::Level::error, "{} is not served as it is stored: {}", key, reason);
  quarantined_[std::move(key)] = {kind, id, std::move(reason)};
}

std::string Builder::key_of(Kind kind, std::string_view id) const {
  std::string key = parts_.key_prefix;
  key += '/';
  key += config::resource_type(kind).name;
  key += '/';
  key += id;
  return key;
}

void Builder::change_one(const Change& change, Draft& draft, Batch& batch) {
  references_.set(change.kind, change.id, draft.references);
  Result<void> done = change_inner_upstreams(change, draft, batch);
  settle(change, draft);
  if (done) done = dispatch(change, draft, batch);
  if (!done) return quarantine(change.kind, change.id, done.error());
  if (!quarantined_.empty()) quarantined_.erase(key_of(change.kind, change.id));
}

Result<void> Builder::dispatch(const Change& change, Draft& draft, Batch& batch) {
  if (!draft.content) return tl::unexpected(draft.content.error());
  switch (change.kind) {
    case Kind::route:
      return change_route(change, draft, batch);
    case Kind::stream_route:
      return change_stream_route(change, draft, batch);
    case Kind::service:
      return change_service(change, draft, batch);
    case Kind::upstream:
      return change_upstream(change, draft, batch);
    case Kind::consumer:
      return change_consumer(change, draft, batch);
    case Kind::credential:
      return change_credential(change, draft, batch);
    case Kind::consumer_group:
      return change_consumer_group(change, draft, batch);
    case Kind::plugin_config:
      return change_plugin_config(change, draft, batch);
    case Kind::global_rule:
      return change_global_rule(change, draft, batch);
    case Kind::ssl:
      return change_ssl(change, draft, batch);
    case Kind::plugin_metadata:
      return change_metadata(change, draft, batch);
    case Kind::proto:
      return change_proto(change, draft);
    case Kind::secret:
      return check_secret(change, draft);
    default:
      return {};  // other rooms serve these
  }
}

// Secrets are asked for elsewhere; whether their managers are as they should be is told here. A
// reference is looked up when a secret is fetched.
Result<void> Builder::check_secret(const Change& change, Draft& draft) {
  if (change.value.empty()) return {};
  std::string manager = change.id.substr(0, change.id.find('/'));
  Json& value = draft.as<Json>();
  Result<void> checked = config::check_secret_manager(manager, value);
  const Json* account = value.find("auth_config");
  const Json* key = account != nullptr ? account->find("private_key") : nullptr;
  if (!checked || manager != "gcp" || key == nullptr) return checked;
  bool usable = key->as_string().starts_with('$') || tls::parse_rsa_key(key->as_string());
  if (!usable) return fail("auth_config.private_key is no RSA key in PEM");
  return {};
}

// ---- upstreams

Result<void> Builder::change_upstream(const Change& change, Draft& draft, Batch& batch) {
  auto held = upstreams_.find(change.id);
  UpstreamPtr old = held != upstreams_.end() ? held->second.made : nullptr;
  UpstreamPtr made;
  std::string key = key_of(change.kind, change.id);
  plugin::UpstreamNames& names = parts_.catalogue.services().upstreams();
  if (!change.value.empty()) {
    auto result =
        upstream_maker_.make(std::move(draft.as<config::Upstream>()), draft.digest,
                             {change.kind, change.id}, key, old, names.slot_of(change.id));
    if (!result) return tl::unexpected(result.error());
    made = std::move(*result);
  }
  if (made == old) return {};
  if (held == upstreams_.end()) held = upstreams_.try_emplace(change.id).first;
  held->second.made = made;
  put_upstream(old, made, batch);
  if (made == nullptr) {
    names.remove(change.id);
  } else {
    names.add(change.id, made->compiled->slot);
  }
  if (made == nullptr) upstream_maker_.forget(key);
  if (made != nullptr && old != nullptr) return {};
  // It is there or gone: who refers to it sees that.
  batch.add_routes(held->second.routes);
  for (const std::string& id : held->second.services) {
    batch.add_routes(services_.find(id)->second.routes);
  }
  drop_if_unused(held);
  return {};
}

// Puts a shared upstream in its place.
void Builder::put_upstream(const UpstreamPtr& old, const UpstreamPtr& made, Batch& batch) {
  const UpstreamPtr& either = made != nullptr ? made : old;
  if (either == nullptr) return;
  uint32_t slot = either->compiled->slot->id().index;
  if (made != nullptr) {
    batch.upstreams.insert(slot, made->compiled);
  } else {
    batch.upstreams.erase(slot);
  }
  batch.changed = true;
}

void Builder::drop_if_unused(StringMap<UpstreamState>::iterator upstream) {
  const UpstreamState& state = upstream->second;
  if (state.made == nullptr && state.routes.empty() && state.services.empty()) {
    upstreams_.erase(upstream);
  }
}

// ---- the end of a batch

std::unique_ptr<const Snapshot> Builder::finish(Batch& batch) {
  for (const auto& [kind, id] : batch.routes) {
    if (kind == Kind::route) {
      auto held = routes_.find(id);
      if (held != routes_.end()) compile_route(id, held->second, batch);
    } else {
      compile_stream_route(id, batch);
    }
  }
  if (batch.global_rules) rebuild_global_rules();
  if (batch.metadata) current_.metadata = parts_.catalogue.metadata(metadata_);
  if (!batch.changed && !batch.global_rules && !batch.metadata) return nullptr;
  current_.rules = std::move(batch.rules).commit();
  current_.routes = std::move(batch.compiled).commit();
  current_.upstreams = std::move(batch.upstreams).commit();
  current_.consumer_groups = std::move(batch.consumer_groups).commit();
  current_.credentials = std::move(batch.credentials).commit();
  current_.streams = std::move(batch.streams).commit();
  current_.certificates.servers = std::move(batch.server_certificates).commit();
  current_.certificates.partial_stars = std::move(batch.partial_stars).commit();
  current_.certificates.clients = std::move(batch.client_certificates).commit();
  ++current_.number;
  return snapshot();
}

}  // namespace pylon::snapshot
