// Settings: what config.yaml says, typed and checked. Read once per start or reload, then constant.
//
// The file is APISIX's (docs: https://apisix.apache.org/docs/apisix/), with a section `pylon:` of
// our own. Which keys exist, what they mean and what they accept is declared once, in the tables of
// settings_keys_*.cc; the defaults are the initialisers below. docs/configuration.md is made from
// both.
//
//   ParsedSettings parsed = parse_settings(text, "conf/config.yaml", environment);
//   if (!parsed.ok()) for (const Finding& finding : parsed.findings) ...
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/environment.h"
#include "base/ip.h"
#include "base/json.h"
#include "base/secret.h"
#include "observe/log.h"

namespace pylon::gateway {

// An address to listen on. `ip` is numeric, without brackets.
struct ListenAddress {
  std::string ip = "0.0.0.0";
  uint16_t port = 0;
  bool any_ip = false;       // only the port was written: enable_ipv6 adds [::]
  bool if_possible = false;  // that [::]: a kernel without IPv6 is no error
  bool unasked = false;      // a default of ours: taken by somebody else, it is left out
  bool udp = false;
  // Whether the PROXY protocol is spoken to us there, and by us to the upstreams of what comes in
  // there. Nothing: as apisix.proxy_protocol says; settled when the settings are checked.
  std::optional<bool> announced = {}, announces = {};

  std::string text() const;  // "127.0.0.1:9080", "[::1]:9080"
  bool operator==(const ListenAddress& o) const {
    return ip == o.ip && port == o.port && udp == o.udp;
  }
};

// Addresses and CIDR blocks, as written and compiled.
struct AddressList {
  std::vector<std::string> texts;
  IpSet set;

  static AddressList of(std::vector<std::string> texts);  // all must be well-formed
};

enum class ProxyMode : uint8_t { http, stream, both };
enum class RouterMode : uint8_t { host_uri, uri, uri_with_parameter };
enum class Role : uint8_t { traditional, control_plane, data_plane };
enum class ConfigProvider : uint8_t { embedded, etcd, yaml, json, xds };
enum class LogEscape : uint8_t { plain, json, none };  // nginx's escape=default, json and none
enum class AdminRole : uint8_t { admin, viewer };

// apisix.*: what is served, and how a request is read.
struct ProxySettings {
  std::vector<ListenAddress> listen{{.ip = "0.0.0.0", .port = 9080, .any_ip = true}};
  bool enable_ipv6 = true;
  bool enable_http2 = true;  // by prior knowledge on plain ports, by ALPN on TLS ports
  ProxyMode mode = ProxyMode::http;
  RouterMode router = RouterMode::host_uri;
  bool delete_uri_tail_slash = false;
  bool normalize_uri_like_servlet = false;
  bool match_uri_encoded_slash = false;
  uint64_t max_post_args_bytes = 64 << 20;  // body read for post_arg.*; 0: no limit
  bool show_upstream_status = false;        // X-APISIX-Upstream-Status on every answer
  bool server_tokens = true;                // the version in `Server`
  // Peers whose X-Forwarded-* are kept. Nothing: not configured (X-Forwarded-For is appended to
  // whoever sent it).
  std::optional<AddressList> trusted_addresses;
  bool disable_upstream_healthcheck = false;
};

// nginx_config.http.access_log and its companions; nginx_config.stream.* have the same.
struct AccessLogSettings {
  bool enabled = true;
  std::string path = "logs/access.log";  // relative to the prefix
  size_t buffer_bytes = 16'384;
  std::string format =
      "$remote_addr - $remote_user [$time_local] $http_host \"$request\" $status "
      "$body_bytes_sent $request_time \"$http_referer\" \"$http_user_agent\" $upstream_addr "
      "$upstream_status $upstream_response_time "
      "\"$upstream_scheme://$upstream_host$upstream_uri\" \"$apisix_request_id\"";
  LogEscape escape = LogEscape::plain;
};

// apisix.stream_proxy.*: where TCP connections and datagrams are taken for stream routes.
struct StreamSettings {
  std::vector<ListenAddress> tcp;
  std::vector<ListenAddress> tls;  // those of tcp[] with `tls: true`
  std::vector<ListenAddress> udp;
  AddressList real_ip_from;  // nginx_config.stream.real_ip_from: believed in the PROXY protocol
  AccessLogSettings access_log{
      .enabled = false,
      .path = "logs/access_stream.log",
      .format =
          "$remote_addr [$time_local] $protocol $status $bytes_sent $bytes_received "
          "$session_time"};
};

// apisix.proxy_protocol.*
struct ProxyProtocolSettings {
  uint16_t listen_http_port = 0;   // 0: none
  uint16_t listen_https_port = 0;  // likewise
  bool tcp = false;                // for stream_proxy.tcp[] that do not say
  bool tcp_to_upstream = false;    // likewise
};

// apisix.ssl.*: how TLS is spoken with clients, and whom to trust in upstreams.
struct SslSettings {
  bool enabled = true;
  std::vector<ListenAddress> listen{
      {.ip = "0.0.0.0", .port = 9443, .any_ip = true, .unasked = true}};
  std::string protocols = "TLSv1.2 TLSv1.3";
  std::string ciphers =
      "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
      "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
      "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384";
  bool session_tickets = false;
  std::string fallback_sni;
  std::string trusted_certificate = "system";  // or the path of a PEM file
};

struct ResolverSettings {
  std::vector<std::string> servers;  // "1.1.1.1", "[::1]:53"; empty: those of /etc/resolv.conf
  std::optional<int64_t> valid_s;    // in place of the records' TTL
  int64_t timeout_ms = 5'000;
  bool use_search_list = true;  // of /etc/resolv.conf
};

// nginx_config.http.*: the client's side.
struct ClientSettings {
  int64_t keepalive_timeout_ms = 60'000;
  int64_t header_timeout_ms = 60'000;  // for the whole head
  int64_t body_timeout_ms = 60'000;    // between two reads
  int64_t send_timeout_ms = 10'000;    // between two writes
  uint64_t max_body_bytes = 0;         // 0: no limit
  bool underscores_in_headers = true;  // false: such fields are dropped
  std::string real_ip_header = "X-Real-IP";
  bool real_ip_recursive = false;
  AddressList real_ip_from = AddressList::of({"127.0.0.1"});
};

// nginx_config.http.upstream.*: idle connections to upstreams, per worker.
struct UpstreamPoolSettings {
  int64_t connections = 320;
  int64_t requests = 1'000;  // through one connection
  int64_t timeout_ms = 60'000;
};

struct ErrorLogSettings {
  std::string path = "logs/error.log";  // relative to the prefix; "stderr"
  observe::Level level = observe::Level::warn;
};

struct ProcessSettings {
  unsigned workers = 0;  // 0: one per available core; see worker_count()
  bool cpu_affinity = false;
  std::optional<int64_t> open_files;      // RLIMIT_NOFILE; nothing: as much as the system allows
  int64_t connections = 65'536;           // per worker, from clients
  int64_t shutdown_timeout_ms = 240'000;  // of a graceful drain (SIGQUIT, reload)
};

struct AdminKey {
  std::string name;
  Secret key;
  AdminRole role = AdminRole::viewer;
};

// deployment.admin.*
struct AdminSettings {
  bool enabled = true;  // false in a data plane
  ListenAddress listen{.ip = "0.0.0.0", .port = 9180};
  std::vector<AdminKey> keys{{.name = "admin", .key = {}, .role = AdminRole::admin}};
  bool key_required = true;
  std::optional<AddressList> allow = AddressList::of({"127.0.0.0/24"});  // nothing: anyone
  bool cors = true;
  bool ui = true;
  bool api_v3 = true;
  bool https = false;
  // Paths of PEM files, relative to conf/. An empty `client_authority` asks for no certificate.
  std::string certificate, certificate_key, client_authority;
};

// A small server of the gateway's own.
struct ServerSettings {
  bool enabled = false;
  ListenAddress listen;
};

// apisix.lru.secret: what is kept of secret managers.
struct SecretSettings {
  int64_t ttl_s = 300;
  int64_t retry_s = 60;
  int64_t max_count = 512;
};

struct EncryptionSettings {
  bool enabled = true;
  std::vector<Secret> keyring{Secret("qeddd145sfvddff3"), Secret("edd1c9f0985e76a2")};
};

// What the provider comes to, by role: `yaml` is a file for a data plane, and a configuration that
// is pushed through the Admin API for a node that has one.
enum class StoreKind : uint8_t { embedded, etcd, file, pushed };

// deployment.etcd.*
struct EtcdSettings {
  std::vector<std::string> hosts{"http://127.0.0.1:2379"};
  std::string user;  // empty: without authentication
  Secret password;
  int64_t timeout_ms = 30'000;        // of a call
  int64_t watch_timeout_ms = 50'000;  // of a watch that says nothing; then it is opened anew
  int64_t startup_retry = 2;
  bool verify = true;
  std::string sni;   // empty: the host of the endpoint
  std::string cert;  // what we show: paths of PEM files; relative to the prefix
  std::string key;
  int64_t check_interval_ms = 10'000;        // pylon.etcd.check_interval
  std::string copy_path = "data/etcd.copy";  // pylon.etcd.copy; relative to the prefix
};

struct StoreSettings {
  Role role = Role::traditional;
  std::array<ConfigProvider, 3> provider_of{};  // by role; embedded unless written
  ConfigProvider provider() const { return provider_of[static_cast<size_t>(role)]; }
  StoreKind kind = StoreKind::embedded;
  std::string embedded_path = "data/pylon.db";   // relative to the prefix
  int64_t history_revisions = 1000;              // of the embedded store
  std::string pushed_path = "data/pushed.json";  // relative to the prefix
  std::string file_path;                         // of a file store; relative to the prefix
  std::string key_prefix = "/apisix";            // deployment.etcd.prefix: of all keys
  EtcdSettings etcd;
};

// pylon.limits.*: what one client, or all together, may use.
struct LimitSettings {
  size_t request_line_bytes = 16 << 10;
  size_t request_head_bytes = 64 << 10;
  size_t request_fields = 200;
  size_t response_head_bytes = 64 << 10;
  size_t response_fields = 200;
  size_t udp_sessions = 10'240;  // per worker
  uint64_t memory_bytes = 0;     // of the gateway process; 0: not limited
};

// PINGs on HTTP/2 connections to upstreams (http/h2/client_connection.h).
struct PingSettings {
  int64_t after_ms = 10'000;
  int64_t timeout_ms = 20'000;
  int64_t interval_ms = 310'000;
};

// The prometheus export server and what it serves; the rest is in plugin_attr.
struct MetricsSettings {
  bool enabled = true;
  ListenAddress listen{.ip = "127.0.0.1", .port = 9091};
  std::string uri = "/apisix/prometheus/metrics";
  std::string name_prefix = "apisix_";
};

struct Settings {
  std::string prefix = ".";                    // where conf/, logs/ and data/ are
  std::string config_path;                     // config.yaml itself
  std::string debug_path = "conf/debug.yaml";  // relative to the prefix

  ProxySettings proxy;
  StreamSettings stream;
  ProxyProtocolSettings proxy_protocol;
  SslSettings ssl;
  ResolverSettings resolver;
  ClientSettings client;
  UpstreamPoolSettings upstream_pool;
  AccessLogSettings access_log;
  ErrorLogSettings error_log;
  ProcessSettings process;
  AdminSettings admin;
  ServerSettings control{.enabled = true, .listen = {.ip = "127.0.0.1", .port = 9090}};
  ServerSettings status{.enabled = false, .listen = {.ip = "127.0.0.1", .port = 7085}};
  MetricsSettings metrics;
  EncryptionSettings encryption;
  SecretSettings secrets;
  StoreSettings store;
  LimitSettings limits;
  PingSettings pings;
  int64_t stop_timeout_ms = 10'000;  // pylon.stop_timeout: how long SIGTERM waits for requests

  std::vector<std::string> plugins;  // as APISIX's list
  std::vector<std::string> stream_plugins;
  Json plugin_attr;  // merged over the defaults
  Json discovery;    // as written; null without
  uint64_t graphql_max_bytes = 1 << 20;

  Settings();  // the defaults

  unsigned worker_count() const;  // `process.workers`, or the number of available cores
  // Of a path that may be relative to the prefix; "stderr" (of a log) stays.
  std::string absolute(std::string_view path) const;
  // Of a path that may be relative to conf/, as those that nginx reads for APISIX are.
  std::string in_conf(std::string_view path) const;
};

// Something to say about a place in config.yaml.
struct Finding {
  bool error = false;  // otherwise a warning: the gateway starts all the same
  uint32_t line = 0;   // from 1; 0: nowhere in the file
  std::string key;     // "apisix.node_listen[0].port"; may be empty
  std::string message;

  // "conf/config.yaml:12: apisix.node_listen: expected a port, got true"
  std::string text(std::string_view file) const;
};

struct ParsedSettings {
  Settings settings;  // to be used only when ok()
  std::vector<Finding> findings;

  bool ok() const;
};

using pylon::Environment;
using pylon::process_environment;

ParsedSettings parse_settings(std::string_view text, const Environment& environment);

}  // namespace pylon::gateway
