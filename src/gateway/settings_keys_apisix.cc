// apisix.*
#include <algorithm>
#include <span>

#include "base/strings.h"
#include "gateway/settings_keys.h"
#include "tls/identity.h"

namespace pylon::gateway {
namespace {

using S = Settings;
using enum Standing;

constexpr std::string_view kRouterModes[] = {"radixtree_host_uri", "radixtree_uri",
                                             "radixtree_uri_with_parameter"};
constexpr std::string_view kProxyModes[] = {"http", "stream", "http&stream"};

Result<void> read_listen_item(const Json& item, int64_t port, std::vector<ListenAddress>& listen) {
  std::string ip;
  const Json* written_port = item.is_object() ? item.find("port") : &item;
  const Json* written_ip = item.find("ip");
  if (written_port != nullptr && !read_integer(*written_port, 1, 65535, port)) return fail("");
  if (written_ip != nullptr && !read_ip(*written_ip, ip)) {
    return fail("expected an IP address in `ip`");
  }
  if (item.contains("enable_http2")) {
    return fail("enable_http2 is no matter of one port: write apisix.enable_http2");
  }
  ListenAddress address{
      .ip = ip.empty() ? "0.0.0.0" : ip, .port = static_cast<uint16_t>(port), .any_ip = ip.empty()};
  if (std::find(listen.begin(), listen.end(), address) == listen.end()) listen.push_back(address);
  return {};
}

template <auto Section, int64_t Port>
constexpr KeyType listen_type() {
  return {.read = [](const Json& value, Settings& into) -> Result<void> {
            std::vector<ListenAddress> listen;
            if (!value.is_array()) {
              if (auto read = read_listen_item(value, Port, listen); !read) return read;
            }
            for (const Json& item : value.items()) {
              if (auto read = read_listen_item(item, Port, listen); !read) return read;
            }
            if (listen.empty()) return fail("the list is empty: nothing would be served");
            (into.*Section).listen = std::move(listen);
            return {};
          },
          .expects = []() -> std::string { return "a port, or a list of ports and {ip, port}"; },
          .show = [](const Settings&) { return "[" + std::to_string(Port) + "]"; }};
}

// 9100, "127.0.0.1:9100", "[::1]:9100", or a range of ports "9100-9120".
Result<void> read_stream_address(std::string_view text, std::vector<ListenAddress>& out) {
  std::string ip = "0.0.0.0";
  size_t colon = text.rfind(':');
  if (colon != text.npos) {
    if (!read_ip(Json(text.substr(0, colon)), ip)) return fail("expected an IP address before ':'");
    text.remove_prefix(colon + 1);
  }
  size_t dash = text.find('-');
  auto first = parse_uint(text.substr(0, dash));
  auto last = dash == text.npos ? first : parse_uint(text.substr(dash + 1));
  constexpr uint64_t kMostPorts = 1000;
  if (!first || !last || *first < 1 || *last > 65535 || *last < *first) return fail("");
  if (*last - *first >= kMostPorts) return fail("a range has at most 1000 ports");
  for (uint64_t port = *first; port <= *last; ++port) {
    out.push_back({.ip = ip, .port = static_cast<uint16_t>(port), .any_ip = colon == text.npos});
  }
  return {};
}

// Nothing: the item does not say. False: it says something else.
bool read_item_flag(const Json& item, std::string_view name, std::optional<bool>& flag) {
  const Json* value = item.is_object() ? item.find(name) : nullptr;
  bool set = false;
  if (value == nullptr || value->is_null()) return true;
  if (!read_flag(*value, set)) return false;
  flag = set;
  return true;
}

Result<void> read_stream_item(const Json& item, StreamSettings& stream) {
  std::optional<bool> tls, announced, announces;
  if (!read_item_flag(item, "tls", tls)) return fail("expected true or false in `tls`");
  if (!read_item_flag(item, "proxy_protocol", announced)) {
    return fail("expected true or false in `proxy_protocol`");
  }
  if (!read_item_flag(item, "proxy_protocol_to_upstream", announces)) {
    return fail("expected true or false in `proxy_protocol_to_upstream`");
  }
  const Json* address = item.is_object() ? item.find("addr") : &item;
  std::string text;
  if (address == nullptr || !read_text(*address, text)) return fail("");
  std::vector<ListenAddress> listen;
  if (auto read = read_stream_address(text, listen); !read) return read;
  for (ListenAddress& each : listen) {
    each.announced = announced;
    each.announces = announces;
    (tls.value_or(false) ? stream.tls : stream.tcp).push_back(each);
  }
  return {};
}

Result<void> read_datagram_item(const Json& item, StreamSettings& stream) {
  std::string text;
  if (!read_text(item, text)) return fail("");
  std::vector<ListenAddress> listen;
  if (auto read = read_stream_address(text, listen); !read) return read;
  for (ListenAddress& each : listen) {
    each.udp = true;
    stream.udp.push_back(each);
  }
  return {};
}

template <auto ReadItem>
constexpr KeyType stream_listen_type() {
  return {.read = [](const Json& value, Settings& into) -> Result<void> {
            if (!value.is_array()) return fail("");
            for (const Json& item : value.items()) {
              if (auto read = ReadItem(item, into.stream); !read) return read;
            }
            return {};
          },
          .expects = []() -> std::string {
            bool tcp = ReadItem == read_stream_item;
            return std::string("a list of ports, \"ip:port\", \"9100-9120\"") +
                   (tcp ? " and {addr, tls, proxy_protocol, proxy_protocol_to_upstream}" : "");
          },
          .show = [](const Settings&) -> std::string { return "[]"; },
          .open = true};
}

// "TLSv1.2 TLSv1.3", as nginx has it.
constexpr KeyType protocols_type() {
  return {.read = [](const Json& value, Settings& into) -> Result<void> {
            std::string text;
            if (!read_text(value, text) || tls::protocols_named(text) == 0) return fail("");
            into.ssl.protocols = text;
            return {};
          },
          .expects = []() -> std::string { return "some of TLSv1 TLSv1.1 TLSv1.2 TLSv1.3"; },
          .show = [](const Settings& settings) { return show_text(settings.ssl.protocols); }};
}

// `control:` and `status:`; the members are keys of their own.
template <auto Server>
constexpr KeyType server_section() {
  return {.read = [](const Json& value, Settings& into) -> Result<void> {
            if (!value.is_object()) return fail("");
            (into.*Server).enabled |= Server == &Settings::status;
            return {};
          },
          .expects = []() -> std::string { return "a mapping with ip and port"; },
          .show = nullptr};
}

// Megabytes, as APISIX has it.
constexpr KeyType post_args_type() {
  return {.read =
              [](const Json& value, Settings& into) {
                int64_t megabytes = 0;
                if (!read_integer(value, 0, 1 << 20, megabytes)) return fits(false);
                into.proxy.max_post_args_bytes = static_cast<uint64_t>(megabytes) << 20;
                return fits(true);
              },
          .expects = []() -> std::string { return "a whole number of megabytes"; },
          .show =
              [](const Settings& settings) {
                return std::to_string(settings.proxy.max_post_args_bytes >> 20);
              }};
}

constexpr KeyType valid_type() {
  return {.read =
              [](const Json& value, Settings& into) {
                int64_t seconds = 0;
                if (!read_integer(value, 0, 1 << 30, seconds)) return fits(false);
                into.resolver.valid_s = seconds;
                return fits(true);
              },
          .expects = []() -> std::string { return "a whole number of seconds"; },
          .show = nullptr};
}

// One key or a list; each is an AES key of 16 or 32 bytes.
constexpr KeyType keyring_type() {
  return {
      .read = [](const Json& value, Settings& into) -> Result<void> {
        std::vector<std::string> texts(1);
        if (!read_texts(value, texts) && !read_text(value, texts[0])) return fail("");
        std::vector<Secret> keys;
        for (const std::string& text : texts) {
          if (text.size() != 16 && text.size() != 32) {
            return fail("a key has " + std::to_string(text.size()) + " bytes; AES needs 16 or 32");
          }
          keys.emplace_back(text);
        }
        into.encryption.keyring = std::move(keys);
        return {};
      },
      .expects = []() -> std::string { return "a key, or a list of keys, of 16 or 32 bytes"; },
      .show = [](const Settings&) -> std::string { return "APISIX's two well-known keys"; },
      .clear = [](Settings& into) { into.encryption.keyring.clear(); }};
}

// A port that nothing is listened on at unless it is written.
template <uint16_t ProxyProtocolSettings::*Port>
constexpr KeyType extra_port() {
  KeyType type = port<&S::proxy_protocol, Port>();
  type.show = nullptr;
  return type;
}

constexpr Key kKeys[] = {
    {"apisix.node_listen", listen_type<&S::proxy, 9080>(),
     "Where clients are served. An entry without `ip` is every IPv4 address and, with enable_ipv6, "
     "every IPv6 address."},
    {"apisix.node_listen[].ip", anything(), "One address to listen on."},
    {"apisix.node_listen[].port", anything(), "The port; 9080 when left out."},
    {"apisix.node_listen[].enable_http2", anything(), "Refused, as APISIX does."},
    {"apisix.ssl.enable", flag<&S::ssl, &SslSettings::enabled>(), "Serve TLS."},
    {"apisix.ssl.listen", listen_type<&S::ssl, 9443>(),
     "Where clients are served over TLS. The default address is left out, with a warning, when "
     "another program has it."},
    {"apisix.ssl.listen[].ip", anything(), "One address to listen on."},
    {"apisix.ssl.listen[].port", anything(), "The port; 9443 when left out."},
    {"apisix.ssl.listen[].enable_http2", anything(), "Refused, as APISIX does."},
    {"apisix.ssl.listen[].enable_http3", anything(), "HTTP/3 is not spoken yet.", later},
    {"apisix.ssl.ssl_protocols", protocols_type(),
     "The TLS versions offered, unless an ssl object names others."},
    {"apisix.ssl.ssl_ciphers", text<&S::ssl, &SslSettings::ciphers>(),
     "OpenSSL's list of ciphers, for TLS 1.2 and older."},
    {"apisix.ssl.ssl_session_tickets", flag<&S::ssl, &SslSettings::session_tickets>(),
     "Give clients tickets to take up a session; they outlive reloads and are good for 10 minutes. "
     "Otherwise sessions are kept here, in 20 MiB, until the next reload."},
    {"apisix.ssl.fallback_sni", text<&S::ssl, &SslSettings::fallback_sni>(),
     "The server name for clients that send none; without it they are refused."},
    {"apisix.ssl.ssl_trusted_certificate", text<&S::ssl, &SslSettings::trusted_certificate>(),
     "Authorities for certificates of upstreams and services: `system`, or a PEM file."},
    {"apisix.router.ssl", anything(), "There is one way to find certificates: by server name.",
     ignored},
    {"apisix.enable_ipv6", flag<&S::proxy, &ProxySettings::enable_ipv6>(),
     "Listen on [::] too, and ask the name server for AAAA records."},
    {"apisix.enable_admin", flag<&S::admin, &AdminSettings::enabled>(),
     "Serve the Admin API. A data plane never does."},
    {"apisix.enable_control", flag<&S::control, &ServerSettings::enabled>(),
     "Serve the Control API."},
    {"apisix.control", server_section<&S::control>(), "The Control API's address."},
    {"apisix.control.ip", ip<&S::control, &ServerSettings::listen, &ListenAddress::ip>(),
     "Its IP address."},
    {"apisix.control.port", port<&S::control, &ServerSettings::listen, &ListenAddress::port>(),
     "Its port."},
    {"apisix.status", server_section<&S::status>(),
     "Serve /status and /status/ready at this address; off when left out."},
    {"apisix.status.ip", ip<&S::status, &ServerSettings::listen, &ListenAddress::ip>(),
     "Its IP address."},
    {"apisix.status.port", port<&S::status, &ServerSettings::listen, &ListenAddress::port>(),
     "Its port."},
    {"apisix.proxy_mode", choice<kProxyModes, &S::proxy, &ProxySettings::mode>(),
     "What is proxied: HTTP, TCP and UDP by stream routes, or both."},
    {"apisix.router.http", choice<kRouterModes, &S::proxy, &ProxySettings::router>(),
     "What selects a route: host, then uri; uri alone; or uri with parameters (/user/:name)."},
    {"apisix.delete_uri_tail_slash", flag<&S::proxy, &ProxySettings::delete_uri_tail_slash>(),
     "Take the last / off the uri before a route is looked for."},
    {"apisix.normalize_uri_like_servlet",
     flag<&S::proxy, &ProxySettings::normalize_uri_like_servlet>(),
     "Normalise the uri by the rules of Java servlets (path parameters are dropped)."},
    {"apisix.match_uri_encoded_slash", flag<&S::proxy, &ProxySettings::match_uri_encoded_slash>(),
     "Keep %2F encoded when a route is looked for, so that it separates no path segments."},
    {"apisix.max_post_args_readable_size", post_args_type(),
     "The most of a body that is read to match post_arg.* predicates. 0: no limit."},
    {"apisix.show_upstream_status_in_response_header",
     flag<&S::proxy, &ProxySettings::show_upstream_status>(),
     "Send X-APISIX-Upstream-Status with every answer, not only with 5xx of the upstream."},
    {"apisix.enable_server_tokens", flag<&S::proxy, &ProxySettings::server_tokens>(),
     "Tell the version in the Server field."},
    {"apisix.trusted_addresses", optional_addresses<&S::proxy, &ProxySettings::trusted_addresses>(),
     "Peers whose X-Forwarded-* fields are kept. Left out: nobody's but X-Forwarded-For, which is "
     "appended to."},
    {"apisix.disable_upstream_healthcheck",
     flag<&S::proxy, &ProxySettings::disable_upstream_healthcheck>(),
     "Switch all health checks off, whatever the upstreams say."},
    {"apisix.dns_resolver", texts<&S::resolver, &ResolverSettings::servers>(),
     "Name servers, with a port if it is not 53. Empty: those of /etc/resolv.conf."},
    {"apisix.dns_resolver_valid", valid_type(),
     "Keep DNS answers this many seconds, whatever their TTL. Left out: the TTL."},
    {"apisix.resolver_timeout", duration<&S::resolver, &ResolverSettings::timeout_ms>(),
     "How long to wait for the answer of a name server."},
    {"apisix.enable_resolv_search_opt", flag<&S::resolver, &ResolverSettings::use_search_list>(),
     "Try the search domains of /etc/resolv.conf."},
    {"apisix.data_encryption.enable_encrypt_fields",
     flag<&S::encryption, &EncryptionSettings::enabled>(),
     "Encrypt the secrets in stored plugin configurations."},
    {"apisix.data_encryption.keyring", keyring_type(),
     "Keys for that, the newest first; all decrypt, the first encrypts. null: stored as they are."},

    {"apisix.stream_proxy.tcp", stream_listen_type<read_stream_item>(),
     "Where TCP connections are taken for stream routes; with tls: true TLS ends here. "
     "proxy_protocol and proxy_protocol_to_upstream overrule apisix.proxy_protocol.enable_tcp_pp "
     "and enable_tcp_pp_to_upstream for one entry."},
    {"apisix.stream_proxy.udp", stream_listen_type<read_datagram_item>(),
     "Where datagrams are taken for stream routes. All that one address and port sends is a "
     "session, which goes to one node until both were silent for 60 s (the upstream's read "
     "timeout, if it has one)."},
    {"apisix.enable_http2", flag<&S::proxy, &ProxySettings::enable_http2>(),
     "Clients may speak HTTP/2: on plain ports by beginning with it, on TLS ports by ALPN."},
    {"apisix.proxy_protocol.listen_http_port",
     extra_port<&ProxyProtocolSettings::listen_http_port>(),
     "Serve HTTP there too, to load balancers that speak the PROXY protocol (version 1 or 2). A "
     "connection without its header is closed. The client that it names counts when the peer is in "
     "nginx_config.http.real_ip_from."},
    {"apisix.proxy_protocol.listen_https_port",
     extra_port<&ProxyProtocolSettings::listen_https_port>(), "The same with TLS behind it."},
    {"apisix.proxy_protocol.enable_tcp_pp", flag<&S::proxy_protocol, &ProxyProtocolSettings::tcp>(),
     "Expect the PROXY protocol on every stream_proxy.tcp port. The client that it names counts "
     "when the peer is in nginx_config.stream.real_ip_from."},
    {"apisix.proxy_protocol.enable_tcp_pp_to_upstream",
     flag<&S::proxy_protocol, &ProxyProtocolSettings::tcp_to_upstream>(),
     "Speak the PROXY protocol (version 1) to the upstreams of stream routes, before TLS if that "
     "is "
     "spoken."},
    {"apisix.proxy_cache", anything(), "The proxy-cache plugin is not there yet.", later},
    {"apisix.lru.secret.ttl", integer<1, 86'400, &S::secrets, &SecretSettings::ttl_s>(),
     "Fetch secrets of `$secret://` references anew after so many seconds."},
    {"apisix.lru.secret.neg_ttl", integer<1, 86'400, &S::secrets, &SecretSettings::retry_s>(),
     "Ask again so many seconds after a failure; the last good value is used meanwhile."},
    {"apisix.lru.secret.count", integer<1, 100'000, &S::secrets, &SecretSettings::max_count>(),
     "Keep at most so many secrets; references to further ones are not resolved."},
    {"apisix.lru.secret.neg_count", anything(), "Failures count with the others.", ignored},
    {"apisix.tracing", anything(), "Request tracing is not there yet.", later},
    {"apisix.id", anything(), "The instance id is not used yet.", later},
    {"apisix.extra_lua_path", anything(), "Lua is not there yet.", later},
    {"apisix.extra_lua_cpath", anything(), "Lua is not there yet.", later},
    {"apisix.lua_module_hook", anything(), "Lua is not there yet.", later},

    {"apisix.enable_dev_mode", anything(), "Write nginx_config.worker_processes: 1 instead.",
     ignored},
    {"apisix.enable_reuseport", anything(), "The workers share each listening socket.", ignored},
    {"apisix.disable_sync_configuration_during_start", anything(),
     "The configuration is always loaded before the first connection is accepted.", ignored},
    {"apisix.worker_startup_time_threshold", anything(), "Workers are threads of one process.",
     ignored},
    {"apisix.events", anything(), "Workers need no event module.", ignored},
};

}  // namespace

std::span<const Key> apisix_keys() { return kKeys; }

}  // namespace pylon::gateway
