// Upstream: where requests go, compiled from config::Upstream. Immutable, part of the snapshot.
//
// Nodes that can never be chosen (weight 0, a name that has no address yet) are left out. The
// others are ordered by priority, then by weight, so that a group of equal priority is a range of
// nodes and the nodes of at least some weight are the front of that range. A node has a target for
// each of its addresses: one, or several when it is a domain name.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/ref.h"
#include "base/result.h"
#include "config/upstream.h"
#include "tls/identity.h"
#include "upstream/dense_ids.h"
#include "upstream/endpoint.h"
#include "upstream/hash_key.h"
#include "upstream/hash_ring.h"
#include "upstream/health.h"

namespace pylon::upstream {

enum class Balancing : uint8_t { roundrobin, chash, ewma, least_conn };

struct Timeouts {
  int64_t connect_ms = 60'000;
  int64_t send_ms = 60'000;  // between two writes
  int64_t read_ms = 60'000;  // between two reads

  static Timeouts of(const config::Timeout& timeout);
  bool operator==(const Timeouts&) const = default;
};

struct Keepalive {
  uint32_t size = 320;  // idle connections per endpoint and worker
  int64_t idle_timeout_ms = 60'000;
  uint64_t requests = 1000;  // through one connection

  bool operator==(const Keepalive&) const = default;
};

struct Target {
  Ref<const Endpoint> endpoint;
  Ref<HealthCell> health;  // null: not checked
  uint32_t node = 0;

  bool usable() const { return !health || health->usable(); }
};

struct Node {
  std::string host;        // as configured: an address without brackets, or a name
  std::string host_field;  // what pass_host "node" sends: no port when it is the scheme's
  uint32_t weight = 1;     // never 0
  uint32_t first_target = 0;
  uint32_t target_count = 1;
};

// Nodes of equal priority.
struct Group {
  int64_t priority = 0;
  uint32_t first_node = 0;
  uint32_t node_count = 0;
  uint32_t first_target = 0;
  uint32_t target_count = 0;
  HashRing ring;  // chash only; its members are the nodes, from 0
};

struct Upstream final : RefCounted {
  Ref<const SharedId> slot;  // of the resource, the same for all its versions: worker state
  uint64_t serial = 0;       // of this version; never used twice

  Balancing balancing = Balancing::roundrobin;
  std::unique_ptr<const HashKey> hash_key;  // chash only
  std::vector<Node> nodes;                  // by priority, then by weight, both falling
  std::vector<Target> targets;              // of the nodes, in their order
  std::vector<Group> groups;                // by falling priority
  Ref<HealthGroup> health;                  // null: without checks

  Timeouts timeouts;
  bool own_timeouts = false;     // they were configured
  uint32_t retries = 0;          // attempts after the first; 100 at most, or one per node
  int64_t retry_timeout_ms = 0;  // for all of them; 0: no limit
  config::PassHost pass_host = config::PassHost::pass;
  std::string upstream_host;  // for PassHost::rewrite
  config::UpstreamScheme scheme = config::UpstreamScheme::http;
  Ref<const tls::ClientIdentity> identity;  // shown to the nodes; null: none, or
  std::string identity_id;                  // the ssl object that has it
  Keepalive keepalive;
  bool has_domain = false;  // some node is a domain name
  bool one_address_per_node = true;

  // No node can be chosen: 503.
  bool empty() const { return targets.empty(); }
  bool is_tls() const {
    return scheme == config::UpstreamScheme::https || scheme == config::UpstreamScheme::grpcs ||
           scheme == config::UpstreamScheme::tls;
  }
  const Node& node_of(const Target& target) const { return nodes[target.node]; }
};

// "http", "https", ...: $upstream_scheme.
std::string_view scheme_name(config::UpstreamScheme scheme);
// 80 or 443; 0 for schemes without a default.
uint16_t default_port(config::UpstreamScheme scheme);

// Who knows the addresses of names at present.
class AddressBook {
 public:
  virtual ~AddressBook() = default;
  // Sorted; empty when none are known. Valid until the next call.
  virtual const std::vector<IpAddress>& addresses(const std::string& host) = 0;
};

// What compiling needs. Everything must outlive the upstreams made.
struct Workshop {
  EndpointTable& endpoints;
  HealthTable& health;
  DenseIds slots;
  AddressBook& names;
  Keepalive keepalive;  // for upstreams that say nothing: nginx_config.http.upstream
};

// `key` names the resource. `previous` is its version before, or null: slot and health are kept.
// `slot`: for a first version; null: a new one.
// The error says why the configuration cannot be served.
Result<Ref<const Upstream>> compile(const config::Upstream& from, std::string_view key,
                                    const Workshop& workshop, const Upstream* previous,
                                    const Ref<const SharedId>& slot = {});

// The domain names among the nodes, each once.
std::vector<std::string> domains_of(const config::Upstream& upstream);

}  // namespace pylon::upstream
