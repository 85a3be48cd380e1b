// Builder::Batch: one application of changes at work: the editors of everything persistent, and
// what has to be compiled again in the end. Internal to the builder.
#pragma once

#include "snapshot/builder.h"

namespace pylon::snapshot {

struct Builder::Batch {
  explicit Batch(const Snapshot& from)
      : table(from.routes.edit()),
        by_id(from.routes_by_id.edit()),
        consumers(from.consumers.edit()),
        consumer_groups(from.consumer_groups.edit()),
        credentials(from.credentials.edit()) {}

  void take_dependents(const Ids& dependent_routes, const Ids& dependent_services) {
    routes.insert(dependent_routes.begin(), dependent_routes.end());
    services.insert(dependent_services.begin(), dependent_services.end());
  }

  router::Table::Editor table;
  PersistentMap<Ref<const Route>>::Editor by_id;
  PersistentMap<Ref<const Consumer>>::Editor consumers;
  PersistentMap<Ref<const plugin::PluginSet>>::Editor consumer_groups;
  config::CredentialIndex::Editor credentials;
  Ids routes;    // to be compiled again
  Ids services;  // whose routes are
  bool global_rules = false;
  bool metadata = false;
  bool changed = false;  // an editor was used
};

}  // namespace pylon::snapshot
