// Snapshot: one immutable version of the compiled configuration, shared by all workers.
//
// Made by the Builder on the control thread, sharing structure with its predecessor. Workers read
// it through a Pin and never touch a reference count.
#pragma once

#include <string>

#include "base/persistent_map.h"
#include "base/ref.h"
#include "config/consumer.h"
#include "config/credential_index.h"
#include "config/route.h"
#include "http/exchange.h"
#include "plugin/chain.h"
#include "plugin/metadata.h"
#include "router/table.h"
#include "upstream/upstream.h"

namespace pylon::snapshot {

// A route with all that its service, plugin config and upstream contribute. Immutable. The views of
// the labels point into it.
struct Route final : RefCounted {
  std::string id;
  std::string name;
  std::string service_id;
  std::string service_name;
  Ref<const upstream::SharedId> slot_id;  // dense number, kept over versions of the route
  Ref<const plugin::SharedChain> chain;
  Ref<const upstream::Upstream> upstream;  // null: failure_status after the plugins ran
  upstream::Timeouts timeouts;
  int refusal = 0;           // a reference is missing: answered before any plugin; 0: none is
  int failure_status = 503;  // without upstream
  bool websocket = false;
};

// A consumer as the auth plugins' entries point to it.
struct Consumer final : RefCounted {
  config::Consumer config;
  Ref<const plugin::PluginSet> plugins;  // auth plugins left out
};

struct Snapshot {
  explicit Snapshot(router::Mode mode) : routes(mode) {}

  uint64_t revision = 0;  // which version it is, for tests and explanations
  router::Table routes;   // targets are const Route*
  PersistentMap<Ref<const Route>> routes_by_id;
  PersistentMap<Ref<const Consumer>> consumers;
  PersistentMap<Ref<const plugin::PluginSet>> consumer_groups;
  config::CredentialIndex credentials;
  Ref<const plugin::SharedChain> global_rules;
  Ref<const plugin::MetadataSet> metadata;
};

}  // namespace pylon::snapshot
