// Upstream: the nodes that serve, and how one is chosen and spoken to. A resource of its own, or a
// member of a route, service or stream route. Source: APISIX 3.18 schema_def.lua `upstream_schema`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "config/common.h"
#include "config/health_check.h"

namespace pylon::config {

struct UpstreamNode {
  std::string host;    // IP address without brackets, or a domain name
  uint16_t port = 0;   // 0: the default of the scheme
  int64_t weight = 1;  // 0: never chosen
  int64_t priority = 0;
  Json metadata;  // object or null

  bool operator==(const UpstreamNode&) const = default;
};

// Written as {"host:port": weight} or as an array of objects; kept as a list, in the order written.
struct UpstreamNodes {
  std::vector<UpstreamNode> list;

  bool operator==(const UpstreamNodes&) const = default;
};

// "host", "host:port", "1.2.3.4:80", "[::1]:80", "::1": the parts as APISIX takes them apart. A
// port is given as written, whatever its value; a text that fits no form is a host without port.
struct HostAndPort {
  std::string_view host;  // with the brackets it was written with
  std::optional<int64_t> port;
};
HostAndPort split_host_and_port(std::string_view text);

struct UpstreamTls {
  std::string client_cert_id;
  std::string client_cert;
  Secret client_key;
  bool verify = false;

  static constexpr auto fields = std::tuple{
      field("client_cert_id", &UpstreamTls::client_cert_id, "An ssl resource of type client.")
          .fragment(kId),
      field("client_cert", &UpstreamTls::client_cert, "PEM certificate to show.")
          .length(128, 65536),
      field("client_key", &UpstreamTls::client_key, "Its key.").length(64, 65536),
      field("verify", &UpstreamTls::verify, "Verify the certificate of the node.")};
  static constexpr auto rules = schema::schema_fragment(
      R"({"dependencies":{"client_cert":{"required":["client_key"]},)"
      R"("client_key":{"required":["client_cert"]},)"
      R"("client_cert_id":{"not":{"required":["client_cert","client_key"]}}}})");
};

struct KeepalivePool {
  int64_t size = 320;
  double idle_timeout = 60;  // seconds
  int64_t requests = 1000;

  static constexpr auto fields = std::tuple{
      field("size", &KeepalivePool::size, "Idle connections kept per worker.").at_least(1),
      field("idle_timeout", &KeepalivePool::idle_timeout, "Seconds until one is closed.")
          .at_least(0),
      field("requests", &KeepalivePool::requests, "Requests until one is closed.").at_least(1)};
};

struct DiscoveryArgs {
  std::string namespace_id;
  std::string group_name;

  static constexpr auto fields =
      std::tuple{field("namespace_id", &DiscoveryArgs::namespace_id, "Namespace in the registry."),
                 field("group_name", &DiscoveryArgs::group_name, "Group in the registry.")};
};

enum class HashOn : uint8_t { vars, header, cookie, consumer, vars_combinations };
enum class UpstreamScheme : uint8_t { grpc, grpcs, http, https, tcp, tls, udp, kafka };
enum class PassHost : uint8_t { pass, node, rewrite };

struct Upstream {
  std::string id;
  std::string name;
  Labels labels;
  UpstreamNodes nodes;
  std::optional<int64_t> retries;  // absent: one less than there are nodes
  double retry_timeout = 0;        // seconds over all tries; 0: no limit
  std::unique_ptr<Timeout> timeout;
  std::unique_ptr<UpstreamTls> tls;
  std::unique_ptr<KeepalivePool> keepalive_pool;
  std::string type = "roundrobin";  // roundrobin, chash, ewma, least_conn
  std::unique_ptr<HealthChecks> checks;
  HashOn hash_on = HashOn::vars;
  std::string key;  // what chash hashes, by hash_on
  UpstreamScheme scheme = UpstreamScheme::http;
  std::string discovery_type;
  std::unique_ptr<DiscoveryArgs> discovery_args;
  PassHost pass_host = PassHost::pass;
  std::string upstream_host;  // for PassHost::rewrite
  std::string service_name;   // for discovery

  static constexpr std::string_view kNodes =
      R"({"anyOf":[{"type":"object","patternProperties":{".*":{"description":"weight of node",)"
      R"("type":"integer","minimum":0}}},{"type":"array","items":{"type":"object","properties":{)"
      R"("host":{"type":"string","pattern":"^\\*$|^\\*?[0-9a-zA-Z-._\\[\\]:]+$"},)"
      R"("port":{"description":"port of node","type":"integer","minimum":1,"maximum":65535},)"
      R"("weight":{"description":"weight of node","type":"integer","minimum":0},)"
      R"("priority":{"description":"priority of node","type":"integer","default":0},)"
      R"("metadata":{"description":"metadata of node","type":"object"}},)"
      R"("required":["host","weight"]}}]})";
  static constexpr std::string_view kRetryTimeout = R"({"type":"number","minimum":0})";

  static constexpr auto fields = std::tuple{
      id_field(&Upstream::id),
      name_field(&Upstream::name),
      kDescriptionField,
      labels_field(&Upstream::labels),
      kCreateTimeField,
      kUpdateTimeField,
      field("nodes", &Upstream::nodes, "Nodes as {\"host:port\": weight} or as a list.")
          .fragment(kNodes),
      field("retries", &Upstream::retries, "Further tries; 0 switches them off.").at_least(0),
      field("retry_timeout", &Upstream::retry_timeout, "Seconds for all tries together.")
          .fragment(kRetryTimeout),
      field("timeout", &Upstream::timeout, "Time limits towards a node."),
      field("tls", &Upstream::tls, "Certificate to show, verification."),
      field("keepalive_pool", &Upstream::keepalive_pool, "Idle connections to the nodes."),
      field("type", &Upstream::type, "How a node is chosen."),
      field("checks", &Upstream::checks, "Health checks."),
      field("hash_on", &Upstream::hash_on, "Where chash takes its key from."),
      field("key", &Upstream::key, "The name of what chash hashes."),
      field("scheme", &Upstream::scheme, "Protocol spoken to the nodes."),
      field("discovery_type", &Upstream::discovery_type, "Which registry knows the nodes."),
      field("discovery_args", &Upstream::discovery_args, "Where in the registry."),
      field("pass_host", &Upstream::pass_host, "Which Host the node sees."),
      field("upstream_host", &Upstream::upstream_host, "The Host for pass_host rewrite.")
          .fragment(kHost),
      field("service_name", &Upstream::service_name, "Name in the registry.").length(1, 256)};
  static constexpr auto rules = schema::schema_fragment(
      R"({"oneOf":[{"required":["nodes"]},{"required":["service_name","discovery_type"]}]})");
  static constexpr bool closed = true;
};

// The rules that the schema cannot say, with APISIX's messages: IPv6 brackets, then the schema
// (prefix "invalid configuration: "), ports in the keys of nodes, upstream_host for rewrite. Fills
// defaults.
Result<void> check_upstream(Json& value);
// The key of chash, in a value that check_upstream has accepted.
Result<void> check_upstream_hash(const Json& value);

// What `key` must look like for a hash_on; null when it may be anything.
const Json* find_hash_key_schema(std::string_view hash_on);

Result<Upstream> parse_upstream(Json value);

}  // namespace pylon::config

namespace pylon::schema {

template <>
struct CustomType<config::UpstreamNodes> {
  static constexpr std::string_view fragment = config::Upstream::kNodes;
  static Result<config::UpstreamNodes> read(const Json& from);
  static Json write(const config::UpstreamNodes& value);
};

template <>
struct EnumNames<config::HashOn> {
  static constexpr std::string_view names[] = {"vars", "header", "cookie", "consumer",
                                               "vars_combinations"};
};
template <>
struct EnumNames<config::UpstreamScheme> {
  static constexpr std::string_view names[] = {"grpc", "grpcs", "http", "https",
                                               "tcp",  "tls",   "udp",  "kafka"};
};
template <>
struct EnumNames<config::PassHost> {
  static constexpr std::string_view names[] = {"pass", "node", "rewrite"};
};

}  // namespace pylon::schema
