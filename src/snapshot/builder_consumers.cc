// Consumers and their credentials: who is found by which key.
#include "config/consumer.h"
#include "snapshot/batch.h"
#include "snapshot/builder.h"

namespace pylon::snapshot {

using config::Kind;

namespace {

constexpr std::string_view kCredentials = "/credentials/";

std::string custom_id_of(const config::Consumer& consumer) {
  for (const auto& [name, value] : consumer.labels) {
    if (name == "custom_id") return value;
  }
  return {};
}

}  // namespace

Result<void> Builder::change_consumer(const Change& change, Draft& draft, Batch& batch) {
  if (change.value.empty()) {
    erase_consumer(change.id, batch);
    return {};
  }
  auto held = consumers_.find(change.id);
  if (held != consumers_.end() && held->second.digest == draft.digest) return {};
  auto& [config, conf, keys] = draft.as<Draft::Identity>();
  bool known = held != consumers_.end() && held->second.consumer;
  const plugin::PluginSet* old = known ? held->second.consumer->plugins : nullptr;
  auto plugins = plugin::PluginSet::build(parts_.catalogue, conf, key_of(Kind::consumer, change.id),
                                          old, plugin::PluginSet::Owner::consumer);
  if (!plugins) return tl::unexpected(plugins.error());

  auto consumer = make_ref<Consumer>();
  consumer->name = change.id;
  consumer->group_id = std::move(config.group_id);
  consumer->custom_id = custom_id_of(config);
  if (!(*plugins)->empty()) {
    consumer->own_plugins = std::move(*plugins);
    consumer->plugins = consumer->own_plugins.get();
  }
  if (held == consumers_.end()) held = consumers_.try_emplace(change.id).first;
  ConsumerState& state = held->second;
  unindex_consumer(state, batch);
  state.digest = draft.digest;
  state.consumer = std::move(consumer);
  state.keys = std::move(keys);
  index_consumer(state, batch);
  return {};
}

void Builder::erase_consumer(const std::string& name, Batch& batch) {
  auto held = consumers_.find(name);
  if (held == consumers_.end()) return;
  unindex_consumer(held->second, batch);
  held->second.digest = 0;
  held->second.consumer = nullptr;
  held->second.keys.clear();
  if (held->second.credentials.empty()) consumers_.erase(held);
}

Result<void> Builder::change_credential(const Change& change, Draft& draft, Batch& batch) {
  size_t middle = change.id.find(kCredentials);
  if (middle == std::string::npos) return fail("a credential without consumer");
  std::string name = change.id.substr(0, middle);
  std::string id = change.id.substr(middle + kCredentials.size());
  CredentialState credential;
  if (!change.value.empty()) {
    if (digest_of_credential(name, id) == draft.digest) return {};
    credential.digest = draft.digest;
    credential.keys = std::move(draft.as<Draft::Identity>().keys);
  }
  ConsumerState& state = consumers_[name];
  unindex_consumer(state, batch);
  if (change.value.empty()) {
    state.credentials.erase(id);
  } else {
    state.credentials[id] = std::move(credential);
  }
  index_consumer(state, batch);
  if (!state.consumer && state.credentials.empty()) consumers_.erase(name);
  return {};
}

// 0: there is no such credential.
uint64_t Builder::digest_of_credential(const std::string& consumer, const std::string& id) const {
  auto owner = consumers_.find(consumer);
  if (owner == consumers_.end()) return 0;
  auto held = owner->second.credentials.find(id);
  return held != owner->second.credentials.end() ? held->second.digest : 0;
}

// Enters the consumer by its name and by all its keys. Credentials without consumer find nobody.
void Builder::index_consumer(const ConsumerState& state, Batch& batch) {
  if (!state.consumer) return;
  auto enter = [&](const std::string& id, const std::vector<plugin::Catalogue::AuthKey>& keys) {
    for (const auto& key : keys) {
      auto credential = make_ref<config::Credential>();
      credential->consumer = state.consumer;
      credential->id = id;
      credential->conf = key.conf;
      batch.credentials.insert(key.type->spec.name, key.key, std::move(credential));
    }
  };
  enter({}, state.keys);
  for (const auto& [id, credential] : state.credentials) enter(id, credential.keys);
  batch.credentials.insert_consumer(state.consumer);
  batch.changed = true;
}

void Builder::unindex_consumer(const ConsumerState& state, Batch& batch) {
  if (!state.consumer) return;
  const std::string& name = state.consumer->name;
  for (const auto& key : state.keys) {
    batch.credentials.erase(key.type->spec.name, key.key, name, {});
  }
  for (const auto& [id, credential] : state.credentials) {
    for (const auto& key : credential.keys) {
      batch.credentials.erase(key.type->spec.name, key.key, name, id);
    }
  }
  batch.credentials.erase_consumer(name);
  batch.changed = true;
}

}  // namespace pylon::snapshot
