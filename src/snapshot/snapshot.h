// Snapshot: one immutable version of the compiled configuration, shared by all workers.
//
// Made by the Builder on the control thread, sharing structure with its predecessor. Workers read
// it through a Pin and never touch a reference count. What many others refer to (routes by the
// router, upstreams by routes) is found by a dense number that stays the same from version to
// version, so that it can be replaced alone, however many refer to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/persistent_map.h"
#include "base/ref.h"
#include "config/credential_index.h"
#include "plugin/chain.h"
#include "plugin/metadata.h"
#include "router/table.h"
#include "snapshot/certificates.h"
#include "snapshot/stream_table.h"
#include "upstream/upstream.h"

namespace pylon::snapshot {

// A route with all that its service and plugin config contribute. Immutable; labels view into it.
struct Route final : RefCounted {
  std::string id;
  std::string name;
  std::string service_id;
  std::string service_name;
  Ref<const upstream::SharedId> slot_id;  // dense number, kept over versions of the route
  Ref<const plugin::SharedChain> chain;
  Ref<const upstream::Upstream> own_upstream;     // the one written in the route, or
  Ref<const upstream::SharedId> shared_upstream;  // the slot of one that stands elsewhere, or
  int failure_status = 503;                       // neither: answered after the plugins ran
  int refusal = 0;  // a reference is missing: answered before any plugin; 0: none is
  std::optional<upstream::Timeouts> timeouts;  // win over the upstream's
  bool websocket = false;
};

struct Consumer final : config::KnownConsumer {
  Ref<const plugin::PluginSet> own_plugins;  // what `plugins` points to
};

struct Snapshot {
  explicit Snapshot(router::Mode mode) : rules(mode) {}

  uint64_t number = 0;  // of the builder's snapshots, from 1

  router::Table rules;                                              // targets are for route_at()
  PersistentMap<Ref<const Route>, SlotKey> routes;                  // by slot
  PersistentMap<Ref<const upstream::Upstream>, SlotKey> upstreams;  // the shared ones, by slot
  PersistentMap<Ref<const plugin::PluginSet>> consumer_groups;
  config::CredentialIndex credentials;
  StreamTable streams;
  Certificates certificates;
  Ref<const plugin::SharedChain> global_rules;
  Ref<const plugin::MetadataSet> metadata;

  // The route that a match in `rules` of this snapshot found.
  const Route& route_at(const void* target) const {
    const auto& slot = *static_cast<const upstream::SharedId*>(target);
    return **routes.find(slot.id().index);
  }
  // One that a plugin has chosen (plugin/upstream_names.h); null: it is not there.
  const upstream::Upstream* upstream_at(uint32_t slot) const {
    const auto* found = upstreams.find(slot);
    return found != nullptr ? found->get() : nullptr;
  }
  // What is shown to the nodes of an upstream; null: nothing. False: the ssl object that it names
  // is not there, or of another type.
  bool find_identity(const upstream::Upstream& upstream, const tls::ClientIdentity*& out) const {
    out = upstream.identity.get();
    if (upstream.identity_id.empty()) return true;
    out = certificates.client(upstream.identity_id);
    return out != nullptr;
  }
  // Null: there is none; a Route's failure_status says why.
  template <class AnyRoute>  // Route or StreamRoute
  const upstream::Upstream* upstream_of(const AnyRoute& route) const {
    if (route.own_upstream) return route.own_upstream.get();
    if (!route.shared_upstream) return nullptr;
    return upstream_at(route.shared_upstream->id().index);
  }
};

}  // namespace pylon::snapshot
