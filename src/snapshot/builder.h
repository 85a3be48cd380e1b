// Builder: compiles changes of the configuration into the next Snapshot. Control thread only.
//
// What a change costs depends on the change and on what refers to it, not on how much there is; an
// upstream changes alone, however many routes use it. A resource that is wrong is quarantined
// alone: its last good version stays in force, the reason can be read, and nothing else is held up.
// A change that changes nothing makes no snapshot.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "config/resource.h"
#include "config/route.h"
#include "config/service.h"
#include "plugin/catalogue.h"
#include "snapshot/draft.h"
#include "snapshot/reference_index.h"
#include "snapshot/snapshot.h"
#include "snapshot/upstream_maker.h"

namespace pylon::snapshot {

// Why a resource is not served as it is stored.
struct Quarantined {
  config::Kind kind;
  std::string id;
  std::string reason;
};

class Builder final {
 public:
  struct Parts {
    const plugin::Catalogue& catalogue;
    upstream::NameWatch& names;
    upstream::Keepalive keepalive;
    router::Mode mode;
    std::string key_prefix = "/apisix";
    ValueReader* values = nullptr;  // null: values mean what they say
  };

  explicit Builder(const Parts& parts);
  ~Builder();

  // The snapshot after these changes, of which a later one to the same resource wins; null when
  // they change nothing that is served. A value is given up when it has been applied.
  std::unique_ptr<const Snapshot> apply(std::vector<Change> changes);
  // The addresses of a name have changed: as an ordinary change.
  std::unique_ptr<const Snapshot> readdress(const std::string& host);
  std::unique_ptr<const Snapshot> snapshot() const { return std::make_unique<Snapshot>(current_); }

  // Other plugins are enabled than before: what is applied from now on counts as changed, even if
  // its value is the same. The caller applies everything anew.
  void catalogue_changed() { ++catalogue_round_; }

  std::vector<Quarantined> quarantined() const;
  // False: nothing that has been applied refers to it, be it served or quarantined.
  bool may_be_used(config::Kind kind, std::string_view id) const {
    return references_.may_be_used(kind, id);
  }

  // Keys of some of those whose own members, not plugins, name it, the same ones each time; none is
  // no proof that there are none.
  std::vector<std::string> some_users(config::Kind kind, std::string_view id) const;

  // ---- for whoever explains what is served

  // A set of plugins with the key of the resource that it stands in.
  struct Source {
    std::string key;
    Ref<const plugin::PluginSet> set;
  };
  // What the plugins of a route come from, a later one wins: service, plugin config, route.
  std::vector<Source> plugin_sources(const std::string& route_id) const;
  std::vector<Source> global_sources() const;
  Ref<const plugin::PluginSet> consumer_plugins(const std::string& name) const;  // null: none
  // The key of the resource that the route's upstream is written in; empty: there is none.
  std::string upstream_source(const std::string& route_id) const;
  std::string key_of(config::Kind kind, std::string_view id) const;
  // Calls fn(id, name, rule) for each route; the rule is null when the route is switched off.
  template <class Fn>
  void for_each_route(Fn&& fn) const {
    for (const auto& [id, route] : routes_) fn(id, route.name, route.rule.get());
  }

  const upstream::HealthTable& health() const { return upstream_maker_.health(); }
  const Snapshot& current() const { return current_; }

 private:
  using Ids = std::set<std::string, std::less<>>;
  // Routes and stream routes that have to be compiled again when what they refer to changes.
  struct Dependent {
    config::Kind kind;
    std::string id;

    auto operator<=>(const Dependent&) const = default;
  };
  using Dependents = std::set<Dependent>;
  using UpstreamPtr = UpstreamMaker::MadePtr;

  // The plugins of a resource, and the chain of a route that has no others.
  struct Plugins {
    Ref<const plugin::PluginSet> set;  // null: none
    Ref<const plugin::SharedChain> chain;
  };
  // What a route refers to.
  struct References {
    std::string service_id, upstream_id, plugin_config_id;
    std::string text;  // of the route, kept while the hosts are those of the service
  };
  struct RouteState {
    uint64_t digest = 0;
    uint64_t sequence = 0;
    std::string name;
    std::unique_ptr<const References> references;  // null: none
    std::optional<upstream::Timeouts> timeouts;
    std::optional<bool> websocket;
    Ref<const plugin::PluginSet> plugins;  // null: none
    UpstreamPtr upstream;
    Ref<const upstream::SharedId> slot;
    Ref<const router::Rule> rule;  // null: switched off
  };
  struct ServiceState {
    uint64_t digest = 0;  // without the upstream
    bool exists = false;  // else only referred to
    std::string name;
    std::string upstream_id;
    std::optional<bool> websocket;
    std::vector<std::string> hosts;
    Plugins plugins;
    UpstreamPtr upstream;
    Dependents routes;
  };
  struct StreamState {
    uint64_t digest = 0;
    StreamRoute conditions;  // without chain and upstream
    std::string upstream_id;
    Ref<const plugin::PluginSet> plugins;  // null: none
    UpstreamPtr upstream;
    Ref<const StreamRoute> compiled;  // null: not yet
  };
  struct UpstreamState {
    UpstreamPtr made;  // null: only referred to
    Dependents routes;
    Ids services;
  };
  struct PluginConfigState {
    uint64_t digest = 0;  // 0: only referred to
    Plugins plugins;
    Dependents routes;
  };
  struct PluginSetState {  // consumer group
    uint64_t digest = 0;
    Ref<const plugin::PluginSet> set;
  };
  struct GlobalRule {
    uint64_t digest = 0;
    Json plugins;
    Ref<const plugin::PluginSet> set;
  };
  struct CredentialState {
    uint64_t digest = 0;
    std::vector<plugin::Catalogue::AuthKey> keys;
  };
  struct ConsumerState {
    uint64_t digest = 0;
    Ref<const Consumer> consumer;  // null: only credentials so far
    std::vector<plugin::Catalogue::AuthKey> keys;
    std::map<std::string, CredentialState, std::less<>> credentials;
  };
  struct SslState {
    uint64_t digest = 0;                    // 0: there is none
    Ref<const tls::ServerIdentity> server;  // null: switched off, or
    Ref<const tls::ClientIdentity> client;  // shown to upstreams
    std::vector<std::string> names;
  };
  struct Batch;  // one apply() at work

  Draft read(const Change& change) const;
  void settle(const Change& change, Draft& draft) const;
  void make_room(std::span<const Change> changes);
  void change_one(const Change& change, Draft& draft, Batch& batch);
  Result<void> dispatch(const Change& change, Draft& draft, Batch& batch);
  std::unique_ptr<const Snapshot> finish(Batch& batch);

  // routes and services
  Result<void> change_route(const Change& change, Draft& draft, Batch& batch);
  Result<RouteState> make_route(const Change& change, Draft& draft, const RouteState* held);
  static std::unique_ptr<const References> references_of(config::Route& route,
                                                         const std::string& text);
  void erase_route(const std::string& id, Batch& batch);
  Result<void> change_service(const Change& change, Draft& draft, Batch& batch);
  Result<void> make_service(const Change& change, Draft& draft, ServiceState& next);
  void erase_service(const std::string& id, Batch& batch);
  void link(const Dependent& dependent, const References* references);
  void unlink(const Dependent& dependent, const References* references);
  void link_service(const std::string& id, const std::string& upstream_id);
  void unlink_service(const std::string& id, const std::string& upstream_id);
  Result<Ref<const router::Rule>> make_rule(const config::Route& config, uint64_t sequence,
                                            const upstream::SharedId& slot) const;
  void rehost_route(const std::string& id, Batch& batch);
  void compile_route(const std::string& id, const RouteState& state, Batch& batch) const;
  Ref<const plugin::SharedChain> chain_of(const RouteState& state, const References& references,
                                          const ServiceState* service, Route& route) const;
  void choose_upstream(const RouteState& state, const References& references,
                       const ServiceState* service, Route& route) const;

  // stream routes
  Result<void> change_stream_route(const Change& change, Draft& draft, Batch& batch);
  Result<StreamState> make_stream_route(const Change& change, Draft& draft,
                                        const StreamState* held);
  void erase_stream_route(const std::string& id, Batch& batch);
  void compile_stream_route(const std::string& id, Batch& batch);
  static References references_of(const StreamState& state);

  // upstreams
  Result<void> change_inner_upstreams(const Change& change, const Draft& draft, Batch& batch);
  Result<void> change_upstream(const Change& change, Draft& draft, Batch& batch);
  static void put_upstream(const UpstreamPtr& old, const UpstreamPtr& made, Batch& batch);
  void drop_if_unused(StringMap<UpstreamState>::iterator upstream);

  // sets of plugins
  Result<void> change_plugin_config(const Change& change, Draft& draft, Batch& batch);
  Result<void> change_consumer_group(const Change& change, Draft& draft, Batch& batch);
  Result<void> change_global_rule(const Change& change, Draft& draft, Batch& batch);
  Result<void> change_metadata(const Change& change, Draft& draft, Batch& batch);
  Result<void> change_proto(const Change& change, Draft& draft) const;
  static Result<void> check_secret(const Change& change, Draft& draft);
  Result<Ref<const plugin::PluginSet>> make_plugins(const Json& plugins, std::string_view key,
                                                    const plugin::PluginSet* previous) const;
  void rebuild_global_rules();

  // consumers
  Result<void> change_consumer(const Change& change, Draft& draft, Batch& batch);
  Result<void> change_credential(const Change& change, Draft& draft, Batch& batch);
  void erase_consumer(const std::string& name, Batch& batch);
  uint64_t digest_of_credential(const std::string& consumer, const std::string& id) const;
  static void index_consumer(const ConsumerState& state, Batch& batch);
  static void unindex_consumer(const ConsumerState& state, Batch& batch);

  // ssl objects
  Result<void> change_ssl(const Change& change, Draft& draft, Batch& batch);
  void replace_ssl(const std::string& id, SslState next, Batch& batch);
  void settle_name(const std::string& name, Batch& batch);

  void quarantine(config::Kind kind, const std::string& id, const Error& error);

  Parts parts_;
  DraftReader reader_;
  UpstreamMaker upstream_maker_;
  upstream::DenseIds route_slots_;
  Ref<const plugin::SharedChain> no_plugins_;
  StringMap<RouteState> routes_;
  StringMap<StreamState> stream_routes_;
  StringMap<ServiceState> services_;
  StringMap<UpstreamState> upstreams_;
  StringMap<std::vector<std::string>> inner_names_;  // of upstreams within a resource, by its key
  StringMap<PluginConfigState> plugin_configs_;
  StringMap<PluginSetState> consumer_groups_;
  std::map<std::string, GlobalRule, std::less<>> global_rules_;
  StringMap<ConsumerState> consumers_;
  StringMap<SslState> ssls_;
  StringMap<Ids> ssl_names_;  // the objects that claim a name
  Json metadata_ = Json::object();
  uint64_t metadata_round_ = 0;
  std::map<std::string, Quarantined, std::less<>> quarantined_;  // by key
  ReferenceIndex references_;
  uint64_t catalogue_round_ = 0;
  Snapshot current_;
};

}  // namespace pylon::snapshot
