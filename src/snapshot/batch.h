// Builder::Batch: one application of changes at work: the editors of everything persistent, and
// what has to be compiled again in the end. Internal to the builder.
#pragma once

#include "snapshot/builder.h"

namespace pylon::snapshot {

struct Builder::Batch {
  explicit Batch(const Snapshot& from)
      : rules(from.rules.edit()),
        compiled(from.routes.edit()),
        upstreams(from.upstreams.edit()),
        consumer_groups(from.consumer_groups.edit()),
        credentials(from.credentials.edit()),
        streams(from.streams.edit()),
        server_certificates(from.certificates.servers.edit()),
        partial_stars(from.certificates.partial_stars.edit()),
        client_certificates(from.certificates.clients.edit()) {}

  router::Table::Editor rules;
  PersistentMap<Ref<const Route>, SlotKey>::Editor compiled;
  PersistentMap<Ref<const upstream::Upstream>, SlotKey>::Editor upstreams;
  PersistentMap<Ref<const plugin::PluginSet>>::Editor consumer_groups;
  config::CredentialIndex::Editor credentials;
  StreamTable::Editor streams;
  Dependents routes;  // to be compiled again
  PersistentMap<Ref<const tls::ServerIdentity>>::Editor server_certificates;
  PersistentRadix<tls::ServerIdentity>::Editor partial_stars;
  PersistentMap<Ref<const tls::ClientIdentity>>::Editor client_certificates;
  bool global_rules = false;
  bool metadata = false;
  bool changed = false;  // an editor was used

  void add_routes(const Dependents& all) { routes.insert(all.begin(), all.end()); }
};

}  // namespace pylon::snapshot
