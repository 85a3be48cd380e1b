// The Builder's part for ssl objects: server names to identities, certificates for upstreams.
#include <algorithm>
#include <memory>
#include <utility>

#include "base/strings.h"
#include "config/ssl.h"
#include "snapshot/batch.h"

namespace pylon::snapshot {

namespace {

using tls::ClientDemand;
using tls::ServerIdentity;

std::string normal_name(std::string name) {
  if (name.ends_with('.')) name.pop_back();
  return to_lower(name);
}

Result<std::unique_ptr<ClientDemand>> demand_of(config::SslClient& from) {
  auto demand = std::make_unique<ClientDemand>();
  demand->authority = std::move(from.ca);
  demand->depth = static_cast<int>(std::min<int64_t>(from.depth, 100));
  for (const std::string& pattern : from.skip_mtls_uri_regex) {
    Result<Regex> regex = Regex::compile(pattern);
    if (!regex) return tl::unexpected(regex.error());
    demand->exempt_paths.push_back(std::move(*regex));
  }
  demand->by_request = !demand->exempt_paths.empty();
  return demand;
}

Result<Ref<const ServerIdentity>> server_of(const std::string& id, config::Ssl& from) {
  auto identity = make_ref<ServerIdentity>();
  identity->serial = tls::next_identity_serial();
  identity->id = id;
  identity->pairs.push_back({std::move(from.cert), std::move(from.key)});
  for (size_t i = 0; i < std::min(from.certs.size(), from.keys.size()); i++) {
    identity->pairs.push_back({std::move(from.certs[i]), std::move(from.keys[i])});
  }
  for (const std::string& name : from.ssl_protocols) {
    identity->protocols = static_cast<uint8_t>(identity->protocols | tls::protocol_named(name));
  }
  if (from.client != nullptr) {
    auto demand = demand_of(*from.client);
    if (!demand) return tl::unexpected(demand.error());
    identity->client = std::move(*demand);
    identity->trust = tls::trust_digest(identity->client->authority, identity->client->depth,
                                        identity->client->by_request);
  }
  if (const auto& stapling = from.ocsp_stapling) {
    identity->stapling = {stapling->enabled, !stapling->skip_verify, stapling->cache_ttl};
  }
  return Ref<const ServerIdentity>(identity);
}

}  // namespace

Result<void> Builder::change_ssl(const Change& change, Draft& draft, Batch& batch) {
  SslState next;
  if (!change.value.empty()) {
    next.digest = draft.digest;
    auto held = ssls_.find(change.id);
    if (held != ssls_.end() && held->second.digest == next.digest) return {};
    auto* config = &draft.as<config::Ssl>();
    if (config->type == config::SslType::client) {
      auto identity = make_ref<tls::ClientIdentity>();
      identity->serial = tls::next_identity_serial();
      identity->pair = {std::move(config->cert), std::move(config->key)};
      next.client = std::move(identity);
    } else if (config->status == 1) {
      for (std::string& name : config->snis) next.names.push_back(normal_name(std::move(name)));
      auto identity = server_of(change.id, *config);
      if (!identity) return tl::unexpected(identity.error());
      next.server = std::move(*identity);
    }
  }
  replace_ssl(change.id, std::move(next), batch);
  return {};
}

void Builder::replace_ssl(const std::string& id, SslState next, Batch& batch) {
  auto held = ssls_.find(id);
  if (held == ssls_.end() && next.digest == 0) return;
  batch.changed = true;
  SslState old;
  if (held != ssls_.end()) old = std::move(held->second);
  Certificates& certificates = current_.certificates;
  certificates.demanding -= old.server && old.server->client != nullptr;
  certificates.demanding += next.server && next.server->client != nullptr;
  if (next.client) {
    batch.client_certificates.insert(id, next.client);
  } else if (old.client) {
    batch.client_certificates.erase(id);
  }
  std::vector<std::string> names = std::move(old.names);
  for (const std::string& name : names) {
    auto claim = ssl_names_.find(name);
    claim->second.erase(id);
    if (claim->second.empty()) ssl_names_.erase(claim);
  }
  for (const std::string& name : next.names) {
    ssl_names_[name].insert(id);
    names.push_back(name);
  }
  if (next.digest == 0) {
    ssls_.erase(id);
  } else {
    ssls_[id] = std::move(next);
  }
  for (const std::string& name : names) settle_name(name, batch);
}

// Several objects may claim a name: the one with the smallest id has it.
void Builder::settle_name(const std::string& name, Batch& batch) {
  auto claim = ssl_names_.find(name);
  Ref<const ServerIdentity> owner;
  if (claim != ssl_names_.end()) owner = ssls_.find(*claim->second.begin())->second.server;
  std::string partial = Certificates::partial_star_key(name);
  if (!partial.empty()) {
    owner ? batch.partial_stars.insert(partial, owner) : (void)batch.partial_stars.erase(partial);
  } else if (owner) {
    batch.server_certificates.insert(name, owner);
  } else {
    batch.server_certificates.erase(name);
  }
}

}  // namespace pylon::snapshot
