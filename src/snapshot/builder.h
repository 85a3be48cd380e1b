// Builder: compiles changes of the configuration into the next Snapshot. Control thread only.
//
// What a change costs depends on the change and on what refers to it, not on how much there is. A
// resource that is wrong is quarantined alone: its last good version stays in force, the reason can
// be read, and nothing else is held up. A change that changes nothing makes no snapshot.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "config/plugin_config.h"
#include "config/resource.h"
#include "config/service.h"
#include "plugin/catalogue.h"
#include "snapshot/snapshot.h"
#include "upstream/name_watch.h"

namespace pylon::snapshot {

struct Change {
  config::Kind kind;
  std::string id;     // "1"; of a credential "bob/credentials/c1"; of metadata the plugin
  std::string value;  // JSON text; empty: erased
  int64_t create_revision = 0;
};

// Why a resource is not served as it is stored.
struct Quarantined {
  config::Kind kind;
  std::string id;
  std::string reason;
};

class Builder final : private upstream::AddressBook {
 public:
  struct Parts {
    const plugin::Catalogue& catalogue;
    upstream::NameWatch& names;
    upstream::Keepalive keepalive;
    router::Mode mode;
    std::string key_prefix = "/apisix";
  };

  explicit Builder(const Parts& parts);
  ~Builder() override;

  // The snapshot after these changes; null when they change nothing that is served.
  std::unique_ptr<const Snapshot> apply(std::span<const Change> changes);
  // The addresses of a name have changed: as an ordinary change.
  std::unique_ptr<const Snapshot> readdress(const std::string& host);
  std::unique_ptr<const Snapshot> snapshot() const { return std::make_unique<Snapshot>(current_); }

  std::vector<Quarantined> quarantined() const;
  const Snapshot& current() const { return current_; }

 private:
  using Ids = std::set<std::string, std::less<>>;

  // What is kept of an upstream wherever it stands.
  struct UpstreamState {
    std::string key;  // "/apisix/upstreams/1"
    config::Upstream config;
    std::vector<std::string> names;
    Ref<const upstream::Upstream> compiled;
  };
  struct RouteState {
    uint64_t digest = 0;
    uint64_t sequence = 0;
    std::unique_ptr<const config::Route> config;
    Ref<const plugin::PluginSet> plugins;
    std::unique_ptr<UpstreamState> upstream;
    Ref<const upstream::SharedId> slot;
    Ref<const Route> compiled;
    Ref<const router::Rule> rule;
  };
  struct ServiceState {
    uint64_t digest = 0;
    std::unique_ptr<const config::Service> config;
    Ref<const plugin::PluginSet> plugins;
    std::unique_ptr<UpstreamState> upstream;
    Ids routes;
  };
  struct UpstreamResource {
    uint64_t digest = 0;
    std::unique_ptr<UpstreamState> state;  // null: only referred to
    Ids routes, services;
  };
  struct PluginsResource {  // plugin config, consumer group or global rule
    uint64_t digest = 0;
    Ref<const plugin::PluginSet> plugins;  // null: only referred to
    Ids routes;
  };
  struct CredentialState {
    uint64_t digest = 0;
    std::string text;
    std::vector<plugin::Catalogue::AuthKey> keys;
  };
  struct ConsumerState {
    uint64_t digest = 0;
    Ref<const Consumer> consumer;  // null: only credentials so far
    std::vector<plugin::Catalogue::AuthKey> keys;
    std::unordered_map<std::string, CredentialState> credentials;
  };
  struct Batch;  // one apply() at work

  // upstream::AddressBook
  const std::vector<IpAddress>& addresses(const std::string& host) override;

  void change_one(const Change& change, Batch& batch);
  Result<void> change_route(const Change& change, Batch& batch);
  Result<void> change_service(const Change& change, Batch& batch);
  Result<void> change_upstream(const Change& change, Batch& batch);
  Result<void> change_plugins(const Change& change, StringMap<PluginsResource>& resources,
                              Batch& batch);
  Result<void> change_consumer(const Change& change, Batch& batch);
  Result<void> change_credential(const Change& change, Batch& batch);
  Result<void> change_metadata(const Change& change, Batch& batch);

  void erase_route(const std::string& id, Batch& batch);
  void erase_consumer(const std::string& name, Batch& batch);
  void refer(const std::string& id, const config::Route& route, bool add);
  void rebuild_route(const std::string& id, Batch& batch);
  Ref<const Route> compile_route(const std::string& id, RouteState& state) const;
  void choose_upstream(const RouteState& state, const ServiceState* service, Route& route) const;
  void index_consumer(const std::string& name, Batch& batch);
  void unindex_consumer(const std::string& name, Batch& batch);
  void rebuild_global_rules();

  Result<std::unique_ptr<UpstreamState>> make_upstream(config::Upstream config, std::string key,
                                                       const UpstreamState* previous);
  void watch_names(UpstreamState& state);
  void forget_names(UpstreamState* state);
  void touch_owner(const std::string& key, Batch& batch);
  std::unique_ptr<const Snapshot> finish(Batch& batch);
  std::string key_of(config::Kind kind, std::string_view id) const;

  Parts parts_;
  upstream::EndpointTable endpoints_;
  upstream::HealthTable health_;
  upstream::DenseIds upstream_slots_;
  upstream::DenseIds route_slots_;
  upstream::Workshop workshop_;
  StringMap<RouteState> routes_;
  StringMap<ServiceState> services_;
  StringMap<UpstreamResource> upstreams_;
  StringMap<PluginsResource> plugin_configs_;
  StringMap<PluginsResource> consumer_groups_;
  StringMap<PluginsResource> global_rules_;
  StringMap<ConsumerState> consumers_;
  Json metadata_ = Json::object();
  StringMap<Ids> name_owners_;  // host -> keys of the upstreams that use it
  std::unordered_map<std::string, Quarantined> quarantined_;  // by key
  Snapshot current_;
};

}  // namespace pylon::snapshot
