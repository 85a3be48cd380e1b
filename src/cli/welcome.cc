#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/commands.h"
#include "gateway/listening.h"

namespace pylon::cli {
namespace {

using gateway::ListenAddress;
using gateway::LoadedConfig;
using gateway::Settings;
using gateway::SocketKind;

// An address that curl on this machine can be given.
std::string reachable(ListenAddress address) {
  if (address.ip == "0.0.0.0") address.ip = "127.0.0.1";
  if (address.ip == "::") address.ip = "::1";
  return address.text();
}

std::string_view scheme_of(SocketKind kind, const Settings& settings) {
  switch (kind) {
    case SocketKind::admin:
      return settings.admin.https ? "https" : "http";
    case SocketKind::tls:
      return "https";
    case SocketKind::stream:
      return "tcp";
    case SocketKind::stream_udp:
      return "udp";
    case SocketKind::stream_tls:
      return "tls";
    default:
      return "http";
  }
}

std::string store_text(const Settings& settings) {
  const gateway::StoreSettings& store = settings.store;
  switch (store.kind) {
    case gateway::StoreKind::etcd:
      return fmt::format("{} in {}", store.key_prefix, fmt::join(store.etcd.hosts, ", "));
    case gateway::StoreKind::file:
      return settings.absolute(store.file_path);
    case gateway::StoreKind::pushed:
      return settings.absolute(store.pushed_path);
    default:
      return settings.absolute(store.embedded_path);
  }
}

void print_addresses(const Settings& settings) {
  for (const gateway::WantedSocket& socket : wanted_sockets(settings)) {
    if (socket.share != 0) continue;
    std::string_view path;
    if (socket.kind == SocketKind::metrics) path = settings.metrics.uri;
    fmt::print("  {:<11}{}://{}{}\n", kind_name(socket.kind), scheme_of(socket.kind, settings),
               socket.address.text(), path);
  }
  fmt::print("  {:<11}{}\n", "store", store_text(settings));
  fmt::print("  {:<11}{}\n", "errors", settings.absolute(settings.error_log.path));
}

void print_key(const Place& place, const LoadedConfig& config) {
  if (config.new_key.empty()) {
    fmt::print("\nadmin key: deployment.admin.admin_key in {}\n", place.file.path);
    return;
  }
  fmt::print("\nadmin key, generated now and not shown again: {}\n", config.new_key.expose());
  if (config.new_key_saved) {
    fmt::print("It was written into {}.\n", place.file.path);
  } else {
    fmt::print("It is valid until the next start: {} could not be written.\n", place.file.path);
  }
}

// What curl is told before the address of the Admin API.
std::string admin_curl(const gateway::AdminSettings& admin) {
  if (!admin.https) return "http";
  bool certificate = !admin.client_authority.empty();
  return certificate ? "-k --cert CLIENT.pem --key CLIENT.key https" : "-k https";
}

// A route that works without anything else: to the gateway's own Control API, if there is one.
void print_first_request(const LoadedConfig& config) {
  const Settings& settings = config.parsed.settings;
  std::string key(config.new_key.empty() ? "$ADMIN_KEY" : config.new_key.expose());
  std::string node = "example.com:80";
  std::string path = "/";
  if (settings.control.enabled) {
    node = reachable(settings.control.listen);
    path = "/v1/config/status";
  }
  fmt::print(
      "\na first route, then a request through it:\n"
      "  curl {}://{}/apisix/admin/routes/1 -X PUT -H \"X-API-KEY: {}\" \\\n"
      "    -d '{{\"uri\":\"{}\",\"upstream\":{{\"type\":\"roundrobin\",\"pass_host\":\"node\","
      "\"nodes\":{{\"{}\":1}}}}}}'\n"
      "  curl http://{}{}\n",
      admin_curl(settings.admin), reachable(settings.admin.listen), key, path, node,
      reachable(settings.proxy.listen[0]), path);
}

}  // namespace

void print_welcome(const Place& place, const LoadedConfig& config) {
  const Settings& settings = config.parsed.settings;
  unsigned workers = settings.worker_count();
  fmt::print("Pylon {} serves with {} worker{}\n", PYLON_VERSION, workers, workers == 1 ? "" : "s");
  print_addresses(settings);
  if (settings.admin.enabled) {
    if (settings.admin.key_required) print_key(place, config);
    print_first_request(config);
  }
  fflush(stdout);
}

}  // namespace pylon::cli
