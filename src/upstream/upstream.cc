#include "upstream/upstream.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/hash.h"

namespace pylon::upstream {
namespace {

constexpr int64_t kMaxMs = int64_t{30} * 24 * 3600 * 1000;
constexpr int64_t kMaxWeight = 1'000'000'000;
constexpr int64_t kMaxRetries = 100;  // at a single node that refuses: each takes no time

// At least a millisecond for anything that is not nothing.
int64_t to_ms(double seconds) {
  if (seconds <= 0) return 0;
  double ms = std::ceil(seconds * 1000);
  return ms >= static_cast<double>(kMaxMs) ? kMaxMs : static_cast<int64_t>(ms);
}

template <class Number>
Number clamped(int64_t value) {
  return static_cast<Number>(
      std::clamp<int64_t>(value, 0, int64_t{std::numeric_limits<int32_t>::max()}));
}

std::optional<Balancing> balancing_of(std::string_view type) {
  if (type == "roundrobin") return Balancing::roundrobin;
  if (type == "chash") return Balancing::chash;
  if (type == "ewma") return Balancing::ewma;
  if (type == "least_conn") return Balancing::least_conn;
  return std::nullopt;
}

bool is_domain(const std::string& host) { return !IpAddress::parse(host); }

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

// The nodes that may be chosen, in the order that Upstream promises.
std::vector<const config::UpstreamNode*> ordered_nodes(const config::Upstream& from) {
  std::vector<const config::UpstreamNode*> nodes;
  for (const config::UpstreamNode& node : from.nodes.list) {
    if (node.weight > 0) nodes.push_back(&node);
  }
  std::stable_sort(nodes.begin(), nodes.end(), [](const auto* a, const auto* b) {
    return a->priority != b->priority ? a->priority > b->priority : a->weight > b->weight;
  });
  return nodes;
}

// Builds nodes, targets and groups.
class NodeBuilder {
 public:
  NodeBuilder(Upstream& upstream, const Workshop& workshop, const TlsIdentity& tls)
      : upstream_(upstream), workshop_(workshop), tls_(tls) {}

  void add(const config::UpstreamNode& from) {
    std::vector<IpAddress> addresses = addresses_of(from);
    if (addresses.empty()) return;
    uint16_t port = from.port != 0 ? from.port : default_port(upstream_.scheme);
    if (port == 0) return;
    if (upstream_.groups.empty() || upstream_.groups.back().priority != from.priority) {
      begin_group(from.priority);
    }
    begin_node(from, port);
    for (const IpAddress& address : addresses) add_target(from, address, port);
    if (addresses.size() > 1) upstream_.one_address_per_node = false;
  }

  void finish() {
    if (upstream_.balancing != Balancing::chash) return;
    for (Group& group : upstream_.groups) group.ring = ring_of(group);
  }

 private:
  std::vector<IpAddress> addresses_of(const config::UpstreamNode& from) const {
    if (auto literal = IpAddress::parse(from.host)) return {*literal};
    return workshop_.names.addresses(from.host);
  }

  void begin_group(int64_t priority) {
    Group group;
    group.priority = priority;
    group.first_node = static_cast<uint32_t>(upstream_.nodes.size());
    group.first_target = static_cast<uint32_t>(upstream_.targets.size());
    upstream_.groups.push_back(std::move(group));
  }

  void begin_node(const config::UpstreamNode& from, uint16_t port) {
    Node node;
    node.host = from.host;
    node.host_field = bracketed(from.host);
    if (port != default_port(upstream_.scheme)) node.host_field += ":" + std::to_string(port);
    node.weight = static_cast<uint32_t>(std::min(from.weight, kMaxWeight));
    node.first_target = static_cast<uint32_t>(upstream_.targets.size());
    node.target_count = 0;
    upstream_.nodes.push_back(std::move(node));
    ++upstream_.groups.back().node_count;
  }

  void add_target(const config::UpstreamNode& from, const IpAddress& address, uint16_t port) {
    EndpointIdentity identity;
    identity.address = address;
    identity.port = port;
    identity.tls = tls_;
    Target target;
    target.endpoint = workshop_.endpoints.intern(identity);
    if (upstream_.health) {
      target.health = upstream_.health->cell(target.endpoint->text(), from.host);
    }
    target.node = static_cast<uint32_t>(upstream_.nodes.size() - 1);
    upstream_.targets.push_back(std::move(target));
    ++upstream_.nodes.back().target_count;
    ++upstream_.groups.back().target_count;
  }

  // The members' names carry the port always, as APISIX's do. A domain name stands for itself, so
  // that its keys stay when its addresses change.
  HashRing ring_of(const Group& group) const {
    std::vector<HashRing::Member> members;
    for (uint32_t i = 0; i < group.node_count; ++i) {
      const Node& node = upstream_.nodes[group.first_node + i];
      const Endpoint& endpoint = *upstream_.targets[node.first_target].endpoint;
      std::string name = bracketed(node.host) + ":" + std::to_string(endpoint.identity().port);
      members.push_back({std::move(name), node.weight});
    }
    return HashRing(members);
  }

  Upstream& upstream_;
  const Workshop& workshop_;
  const TlsIdentity& tls_;
};

// What of the TLS sessions is the same for all nodes. Fills in what we show.
TlsIdentity read_tls(const config::Upstream& from, const Upstream* previous, Upstream& upstream) {
  TlsIdentity session;
  session.enabled = upstream.is_tls();
  if (!session.enabled || from.tls == nullptr) return session;
  session.verify = from.tls->verify;
  upstream.identity_id = from.tls->client_cert_id;
  if (!upstream.identity_id.empty()) session.client_cert = "ssl " + upstream.identity_id;
  const config::UpstreamTls& written = *from.tls;
  if (written.client_cert.empty()) return session;
  session.client_cert = digest_hex(written.client_cert + std::string(written.client_key.expose()));
  const tls::ClientIdentity* known = previous != nullptr ? previous->identity.get() : nullptr;
  if (known != nullptr && known->pair.certificate == written.client_cert &&
      known->pair.key == written.client_key) {
    upstream.identity = previous->identity;
    return session;
  }
  auto identity = make_ref<tls::ClientIdentity>();
  identity->serial = tls::next_identity_serial();
  identity->pair = {written.client_cert, written.client_key};
  upstream.identity = std::move(identity);
  return session;
}

void read_limits(const config::Upstream& from, const Workshop& workshop, Upstream& upstream) {
  upstream.own_timeouts = from.timeout != nullptr;
  if (upstream.own_timeouts) upstream.timeouts = Timeouts::of(*from.timeout);
  upstream.retry_timeout_ms = to_ms(from.retry_timeout);
  upstream.keepalive = workshop.keepalive;
  if (from.keepalive_pool != nullptr) {
    const config::KeepalivePool& pool = *from.keepalive_pool;
    upstream.keepalive.size = clamped<uint32_t>(pool.size);
    upstream.keepalive.idle_timeout_ms = to_ms(pool.idle_timeout);
    upstream.keepalive.requests = clamped<uint64_t>(pool.requests);
  }
}

void keep_identity(const Workshop& workshop, const Upstream* previous,
                   const Ref<const SharedId>& slot, Upstream& upstream) {
  static uint64_t last_serial = 0;  // control thread
  upstream.serial = ++last_serial;
  upstream.slot = previous != nullptr ? previous->slot : slot;
  if (!upstream.slot) upstream.slot = make_ref<const SharedId>(workshop.slots);
}

}  // namespace

Timeouts Timeouts::of(const config::Timeout& timeout) {
  return {to_ms(timeout.connect), to_ms(timeout.send), to_ms(timeout.read)};
}

std::string_view scheme_name(config::UpstreamScheme scheme) {
  return schema::EnumNames<config::UpstreamScheme>::names[static_cast<size_t>(scheme)];
}

uint16_t default_port(config::UpstreamScheme scheme) {
  switch (scheme) {
    case config::UpstreamScheme::http:
    case config::UpstreamScheme::grpc:
      return 80;
    case config::UpstreamScheme::https:
    case config::UpstreamScheme::grpcs:
      return 443;
    default:
      return 0;
  }
}

Result<Ref<const Upstream>> compile(const config::Upstream& from, std::string_view key,
                                    const Workshop& workshop, const Upstream* previous,
                                    const Ref<const SharedId>& slot) {
  std::optional<Balancing> balancing = balancing_of(from.type);
  if (!balancing) return fail("invalid balancer type: " + from.type);
  Ref<Upstream> upstream = make_ref<Upstream>();
  upstream->balancing = *balancing;
  if (*balancing == Balancing::chash) {
    upstream->hash_key = std::make_unique<const HashKey>(from.hash_on, from.key);
  }
  keep_identity(workshop, previous, slot, *upstream);
  if (from.checks != nullptr) {
    upstream->health = workshop.health.group(key);
    upstream->health->prune();
  }
  upstream->scheme = from.scheme;
  upstream->pass_host = from.pass_host;
  upstream->upstream_host = from.upstream_host;
  read_limits(from, workshop, *upstream);

  TlsIdentity tls = read_tls(from, previous, *upstream);
  NodeBuilder builder(*upstream, workshop, tls);
  for (const config::UpstreamNode* node : ordered_nodes(from)) builder.add(*node);
  builder.finish();
  upstream->has_domain = !domains_of(from).empty();
  auto others = std::max<int64_t>(static_cast<int64_t>(upstream->targets.size()) - 1, 0);
  int64_t retries = from.retries.value_or(others);
  upstream->retries = clamped<uint32_t>(std::min(retries, std::max(others, kMaxRetries)));
  return Ref<const Upstream>(upstream);
}

std::vector<std::string> domains_of(const config::Upstream& upstream) {
  std::vector<std::string> domains;
  for (const config::UpstreamNode& node : upstream.nodes.list) {
    if (!is_domain(node.host)) continue;
    if (std::find(domains.begin(), domains.end(), node.host) == domains.end()) {
      domains.push_back(node.host);
    }
  }
  return domains;
}

}  // namespace pylon::upstream
