#include <fmt/format.h>

#include <algorithm>

#include "expr/template.h"
#include "gateway/settings_report.h"
#include "gateway/settings_types.h"
#include "store/etcd/client.h"

namespace pylon::gateway {
namespace {

// Keys that stand in APISIX's documentation and images: everybody knows them.
constexpr std::string_view kWellKnownKeys[] = {"edd1c9f034335f136f87ad84b625c8f1",
                                               "4054f7cf07e344346cd3f287985e76a2"};

constexpr std::string_view kProviderKeys[] = {"deployment.role_traditional.config_provider",
                                              "deployment.role_control_plane.config_provider",
                                              "deployment.role_data_plane.config_provider"};

void check_workers(Settings& settings, const Environment& environment, Report& report) {
  auto text = environment("APISIX_WORKER_PROCESSES");
  if (!text) return;
  int64_t count = 0;
  if (!read_integer(Json(*text), 1, 1024, count)) {
    return report.error("",
                        "the environment variable APISIX_WORKER_PROCESSES is no number of "
                        "workers: " +
                            *text);
  }
  settings.process.workers = static_cast<unsigned>(count);
}

// As APISIX names its files: conf/apisix.yaml, or conf/apisix-dev.yaml with APISIX_PROFILE=dev.
std::string profile_path(std::string_view name, std::string_view ending,
                         const Environment& environment) {
  std::string profile = environment("APISIX_PROFILE").value_or("");
  return fmt::format("conf/{}{}{}.{}", name, profile.empty() ? "" : "-", profile, ending);
}

void check_etcd(const EtcdSettings& etcd, Report& report) {
  if (etcd.hosts.empty()) report.error("deployment.etcd.host", "it must name an endpoint");
  for (size_t i = 0; i < etcd.hosts.size(); ++i) {
    auto endpoint = store::etcd::Endpoint::parse(etcd.hosts[i]);
    if (endpoint) continue;
    report.error(fmt::format("deployment.etcd.host[{}]", i),
                 fmt::format("\"{}\": {}", etcd.hosts[i], endpoint.error().message));
  }
  if (etcd.user.empty() != etcd.password.empty()) {
    report.error("deployment.etcd.user", "user and password go together");
  }
  if (etcd.cert.empty() != etcd.key.empty()) {
    report.error("deployment.etcd.tls.cert", "cert and key go together");
  }
}

void check_store(Settings& settings, const Environment& environment, Report& report) {
  StoreSettings& store = settings.store;
  settings.debug_path = profile_path("debug", "yaml", environment);
  if (environment("APISIX_STAND_ALONE").value_or("") == "true") {
    store.role = Role::data_plane;
    store.provider_of[static_cast<size_t>(Role::data_plane)] = ConfigProvider::yaml;
  }
  if (store.role == Role::control_plane) settings.admin.enabled = true;
  if (store.role == Role::data_plane) settings.admin.enabled = false;
  std::string_view key = kProviderKeys[static_cast<size_t>(store.role)];
  switch (store.provider()) {
    case ConfigProvider::embedded:
      store.kind = StoreKind::embedded;
      return;
    case ConfigProvider::yaml:
    case ConfigProvider::json:
      store.kind = settings.admin.enabled ? StoreKind::pushed : StoreKind::file;
      store.file_path = profile_path(
          "apisix", store.provider() == ConfigProvider::json ? "json" : "yaml", environment);
      if (store.role != Role::control_plane) return;
      return report.error(key, "a control plane needs a store that others can read");
    case ConfigProvider::etcd:
      store.kind = StoreKind::etcd;
      return check_etcd(store.etcd, report);
    default:
      return report.error(key,
                          "this version has the stores embedded, etcd, yaml and json: write one "
                          "of these, or leave the key out");
  }
}

void check_mode(const Settings& settings, Report& report) {
  const StreamSettings& stream = settings.stream;
  bool listens = !stream.tcp.empty() || !stream.tls.empty() || !stream.udp.empty();
  if (settings.proxy.mode == ProxyMode::stream && !listens) {
    report.error("apisix.proxy_mode",
                 "nothing would be served: apisix.stream_proxy names no address");
  }
  if (settings.proxy.mode == ProxyMode::http && listens) {
    report.warn("apisix.stream_proxy",
                "not listened on: that takes apisix.proxy_mode: http&stream");
  }
}

// apisix.proxy_protocol: two more ports, and what stream_proxy.tcp leaves open.
void settle_proxy_protocol(Settings& settings) {
  const ProxyProtocolSettings& spoken = settings.proxy_protocol;
  auto add = [](std::vector<ListenAddress>& listen, uint16_t port) {
    if (port == 0) return;
    listen.push_back({.ip = "0.0.0.0", .port = port, .any_ip = true, .announced = true});
  };
  add(settings.proxy.listen, spoken.listen_http_port);
  add(settings.ssl.listen, spoken.listen_https_port);
  for (std::vector<ListenAddress>* listen : {&settings.stream.tcp, &settings.stream.tls}) {
    for (ListenAddress& address : *listen) {
      if (!address.announced) address.announced = spoken.tcp;
      if (!address.announces) address.announces = spoken.tcp_to_upstream;
    }
  }
}

void add_ipv6(std::vector<ListenAddress>& listen) {
  std::vector<ListenAddress> added;
  for (const ListenAddress& address : listen) {
    ListenAddress v6 = address;
    v6.ip = "::";
    v6.any_ip = false;
    v6.if_possible = true;
    bool known = std::find(listen.begin(), listen.end(), v6) != listen.end();
    if (address.any_ip && !known) added.push_back(v6);
  }
  listen.insert(listen.end(), added.begin(), added.end());
}

struct Claim {
  ListenAddress address;
  std::string_view key;
};

bool is_any(std::string_view ip) { return ip == "0.0.0.0" || ip == "::"; }

bool clash(const ListenAddress& a, const ListenAddress& b) {
  bool same_family = (a.ip.find(':') == a.ip.npos) == (b.ip.find(':') == b.ip.npos);
  bool overlap = a.ip == b.ip || (same_family && (is_any(a.ip) || is_any(b.ip)));
  return a.port == b.port && a.udp == b.udp && overlap;
}

// Somebody serves plain HTTP where TLS would be by default, and did not ask for that.
void yield_to_node_listen(Settings& settings) {
  std::erase_if(settings.ssl.listen, [&](const ListenAddress& address) {
    auto taken = [&](const ListenAddress& other) { return clash(address, other); };
    const auto& listen = settings.proxy.listen;
    return address.unasked && std::any_of(listen.begin(), listen.end(), taken);
  });
}

// No two servers may want the same address.
void check_addresses(const Settings& settings, Report& report) {
  std::vector<Claim> claims;
  auto claim = [&](const std::vector<ListenAddress>& listen, std::string_view key,
                   std::string_view announced_key) {
    for (const ListenAddress& address : listen) {
      bool announced = address.announced.value_or(false) && !announced_key.empty();
      claims.push_back({address, announced ? announced_key : key});
    }
  };
  if (settings.proxy.mode != ProxyMode::stream) {
    claim(settings.proxy.listen, "apisix.node_listen", "apisix.proxy_protocol.listen_http_port");
    if (settings.ssl.enabled) {
      claim(settings.ssl.listen, "apisix.ssl.listen", "apisix.proxy_protocol.listen_https_port");
    }
  }
  if (settings.proxy.mode != ProxyMode::http) {
    claim(settings.stream.tcp, "apisix.stream_proxy.tcp", {});
    claim(settings.stream.tls, "apisix.stream_proxy.tcp", {});
    claim(settings.stream.udp, "apisix.stream_proxy.udp", {});
  }
  if (settings.admin.enabled)
    claims.push_back({settings.admin.listen, "deployment.admin.admin_listen"});
  if (settings.control.enabled) claims.push_back({settings.control.listen, "apisix.control"});
  if (settings.status.enabled) claims.push_back({settings.status.listen, "apisix.status"});
  if (settings.metrics.enabled) {
    claims.push_back({settings.metrics.listen, "plugin_attr.prometheus.export_addr"});
  }
  for (size_t i = 0; i < claims.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (!clash(claims[i].address, claims[j].address)) continue;
      report.error(claims[i].key,
                   fmt::format("{} conflicts with {} of {}; give one of them another port",
                               claims[i].address.text(), claims[j].address.text(), claims[j].key));
      break;
    }
  }
}

bool only_local_block(const std::optional<AddressList>& allow) {
  return allow && allow->texts == std::vector<std::string>{"127.0.0.0/24"};
}

void check_admin_keys(const AdminSettings& admin, Report& report) {
  for (size_t i = 0; i < admin.keys.size(); ++i) {
    const AdminKey& key = admin.keys[i];
    std::string path = fmt::format("deployment.admin.admin_key[{}].key", i);
    for (std::string_view known : kWellKnownKeys) {
      if (!key.key.equals(known)) continue;
      report.warn(path,
                  "this key stands in APISIX's documentation: anyone can use your Admin API "
                  "with it. Write '' to have one generated");
    }
    if (!key.key.empty()) continue;
    if (key.role == AdminRole::viewer) {
      report.error(path, "a viewer's key must not be empty: only keys of role admin are generated");
    } else if (!only_local_block(admin.allow)) {
      report.warn(path, "WARNING: using empty Admin API. A key is generated and written here");
    }
  }
}

void check_admin_tls(const AdminSettings& admin, Report& report) {
  if (admin.https && (admin.certificate.empty() || admin.certificate_key.empty())) {
    return report.error("deployment.admin.https_admin",
                        "missing ssl cert for https admin: it takes "
                        "admin_api_mtls.admin_ssl_cert and admin_ssl_cert_key");
  }
  if (!admin.https && !admin.client_authority.empty()) {
    report.warn("deployment.admin.admin_api_mtls.admin_ssl_ca_cert",
                "no client is asked for a certificate: that takes https_admin");
  }
}

void check_admin(const Settings& settings, Report& report) {
  const AdminSettings& admin = settings.admin;
  if (!admin.enabled) return;
  check_admin_tls(admin, report);
  if (!admin.key_required) {
    return report.warn("deployment.admin.admin_key_required",
                       "Warning! Admin key is bypassed! Whoever allow_admin lets in can change "
                       "everything");
  }
  if (admin.keys.empty() && !only_local_block(admin.allow)) {
    return report.error("deployment.admin.admin_key",
                        "ERROR: missing valid Admin API token. Write a key, or '' to have one "
                        "generated");
  }
  if (admin.keys.empty()) {
    report.warn("deployment.admin.admin_key",
                "there is no key: anyone on this machine can change "
                "everything");
  }
  check_admin_keys(admin, report);
}

void check_name_servers(const ResolverSettings& resolver, Report& report) {
  for (size_t i = 0; i < resolver.servers.size(); ++i) {
    std::string_view text = resolver.servers[i];
    std::string_view host = text;
    std::string_view port = "53";
    size_t colon = text.rfind(':');
    bool bracketed = text.starts_with('[') && text.find(']') != text.npos;
    bool has_port =
        colon != text.npos && (bracketed ? text[colon - 1] == ']' : text.find(':') == colon);
    if (has_port) {
      host = text.substr(0, colon);
      port = text.substr(colon + 1);
    }
    std::string ip;
    int64_t number = 0;
    if (read_ip(Json(host), ip) && read_integer(Json(port), 1, 65535, number)) continue;
    report.error(fmt::format("apisix.dns_resolver[{}]", i),
                 fmt::format("expected an IP address, with a port or without, got \"{}\"", text));
  }
}

// A trailing line break, as block scalars have it, is no part of the format.
void settle_log_format(std::string_view path, std::string& format, Report& report) {
  while (!format.empty() && (format.back() == '\n' || format.back() == '\r')) format.pop_back();
  auto compiled = expr::LogFormat::compile(format, expr::LogFormat::Escape::none);
  for (const std::string& name : compiled.unknown_names()) {
    report.warn(path, fmt::format("there is no variable {}: it is written as absent", name));
  }
}

}  // namespace

void check_settings(Settings& settings, const Environment& environment, Report& report) {
  check_workers(settings, environment, report);
  check_store(settings, environment, report);
  check_mode(settings, report);
  settle_proxy_protocol(settings);
  if (settings.proxy.enable_ipv6) {
    add_ipv6(settings.proxy.listen);
    add_ipv6(settings.ssl.listen);
    add_ipv6(settings.stream.tcp);
    add_ipv6(settings.stream.tls);
    add_ipv6(settings.stream.udp);
  }
  yield_to_node_listen(settings);
  check_addresses(settings, report);
  check_admin(settings, report);
  check_name_servers(settings.resolver, report);
  settle_log_format("nginx_config.http.access_log_format", settings.access_log.format, report);
  settle_log_format("nginx_config.stream.access_log_format", settings.stream.access_log.format,
                    report);
}

}  // namespace pylon::gateway
