#include "gateway/room_options.h"

#include <limits>

#include "base/strings.h"
#include "gateway/config_file.h"
#include "observe/log.h"

namespace pylon::gateway {
namespace {

constexpr size_t kMaxHostsBytes = 8 << 20;

}  // namespace

std::string server_name(const Settings& settings) {
  return settings.proxy.server_tokens ? "APISIX/3.18.0" : "APISIX";
}

http::ServerLimits server_limits(const Settings& settings) {
  const ClientSettings& client = settings.client;
  http::ServerLimits limits;
  limits.head.line_bytes = static_cast<uint32_t>(settings.limits.request_line_bytes);
  limits.head.head_bytes = static_cast<uint32_t>(settings.limits.request_head_bytes);
  limits.head.field_bytes = static_cast<uint32_t>(settings.limits.request_head_bytes);
  limits.head.fields = static_cast<uint32_t>(settings.limits.request_fields);
  limits.head.underscores = client.underscores_in_headers;
  limits.body_bytes = client.max_body_bytes;
  limits.head_timeout_us = client.header_timeout_ms * 1000;
  limits.body_timeout_us = client.body_timeout_ms * 1000;
  limits.send_timeout_us = client.send_timeout_ms * 1000;
  limits.keepalive_timeout_us = client.keepalive_timeout_ms * 1000;
  return limits;
}

proxy::Options proxy_options(const Settings& settings) {
  proxy::Options options;
  options.server_field = server_name(settings);
  options.fallback_server_name = settings.ssl.fallback_sni;
  options.uri.delete_tail_slash = settings.proxy.delete_uri_tail_slash;
  options.uri.like_servlet = settings.proxy.normalize_uri_like_servlet;
  options.uri.keep_encoded_slash = settings.proxy.match_uri_encoded_slash;
  options.show_upstream_status = settings.proxy.show_upstream_status;
  options.has_trusted_addresses = settings.proxy.trusted_addresses.has_value();
  if (options.has_trusted_addresses) {
    options.trusted_addresses = settings.proxy.trusted_addresses->set;
  }
  options.real_ip_from = settings.client.real_ip_from.set;
  // Where the PROXY protocol names the client, no field does.
  bool by_field = settings.client.real_ip_header != "proxy_protocol";
  options.real_ip_field =
      by_field ? proxy::NamedField(settings.client.real_ip_header) : proxy::NamedField();
  options.real_ip_recursive = settings.client.real_ip_recursive;
  options.answer_head.head_bytes = static_cast<uint32_t>(settings.limits.response_head_bytes);
  options.answer_head.field_bytes = options.answer_head.head_bytes;
  options.answer_head.fields = static_cast<uint32_t>(settings.limits.response_fields);
  options.body_timeout_us = settings.client.body_timeout_ms * 1000;
  options.send_timeout_us = settings.client.send_timeout_ms * 1000;
  constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();
  auto known_bytes = static_cast<int64_t>(settings.proxy.max_post_args_bytes);
  options.known_body_bytes = known_bytes == 0 ? kNoLimit : known_bytes;
  return options;
}

upstream::dns::Config dns_config(const Settings& settings) {
  upstream::dns::Config config;
  if (Result<std::string> text = read_file("/etc/resolv.conf", kMaxHostsBytes)) {
    upstream::dns::read_resolv_conf(*text, config);
  }
  if (Result<std::string> text = read_file("/etc/hosts", kMaxHostsBytes)) {
    upstream::dns::read_hosts(*text, config);
  }
  const ResolverSettings& resolver = settings.resolver;
  if (!resolver.servers.empty()) config.servers.clear();
  for (const std::string& text : resolver.servers) {
    if (Result<upstream::dns::Server> server = upstream::dns::parse_server(text)) {
      config.servers.push_back(*server);
    } else {
      observe::log(observe::Level::error, "apisix.dns_resolver: {}", server.error().message);
    }
  }
  if (!resolver.use_search_list) config.search.clear();
  config.timeout_ms = resolver.timeout_ms;
  config.valid_s = resolver.valid_s;
  config.enable_ipv6 = settings.proxy.enable_ipv6;
  return config;
}

upstream::Keepalive default_keepalive(const Settings& settings) {
  const UpstreamPoolSettings& pool = settings.upstream_pool;
  upstream::Keepalive keepalive;
  keepalive.size = static_cast<uint32_t>(pool.connections);
  keepalive.idle_timeout_ms = pool.timeout_ms;
  keepalive.requests = static_cast<uint64_t>(pool.requests);
  return keepalive;
}

http::h2::PingTerms upstream_pings(const Settings& settings) {
  const PingSettings& pings = settings.pings;
  return {.after_us = pings.after_ms * 1000,
          .patience_us = pings.timeout_ms * 1000,
          .apart_us = pings.interval_ms * 1000};
}

tls::ServerOptions tls_server(const Settings& settings) {
  const SslSettings& ssl = settings.ssl;
  tls::ServerOptions options;
  options.protocols = tls::protocols_named(ssl.protocols);
  options.ciphers = ssl.ciphers;
  options.tickets = ssl.session_tickets;
  options.fallback_name = ssl.fallback_sni;
  options.alpn = {"http/1.1"};
  if (settings.proxy.enable_http2) options.alpn.insert(options.alpn.begin(), "h2");
  return options;
}

// "system", a path, or several with commas between.
tls::ClientOptions tls_client(const Settings& settings) {
  tls::ClientOptions options;
  options.trust_system = false;
  for (std::string_view each : split(settings.ssl.trusted_certificate, ',')) {
    each = trim(each);
    if (each == "system") {
      options.trust_system = true;
    } else if (!each.empty()) {
      options.trusted_files.push_back(settings.absolute(each));
    }
  }
  return options;
}

expr::LogFormat log_format(const AccessLogSettings& log) {
  using Escape = expr::LogFormat::Escape;
  Escape escape = log.escape == LogEscape::json   ? Escape::json
                  : log.escape == LogEscape::none ? Escape::none
                                                  : Escape::standard;
  return expr::LogFormat::compile(log.format, escape);
}

SecretOptions secret_options(const Settings& settings) {
  return {.ttl_ms = settings.secrets.ttl_s * 1000,
          .retry_ms = settings.secrets.retry_s * 1000,
          .max_secrets = settings.secrets.max_count};
}

}  // namespace pylon::gateway
