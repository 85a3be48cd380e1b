#include "gateway/etcd_side.h"

#include <fmt/format.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <utility>
#include <vector>

#include "config/resource.h"
#include "gateway/room_options.h"
#include "net/loop_clock.h"
#include "store/etcd/etcd_store.h"
#include "upstream/dns_transport.h"
#include "upstream/resolver.h"

namespace pylon::gateway {
namespace {

constexpr std::string_view kPlaceholder = "init_dir";

// The names of etcd's endpoints.
struct Names {
  upstream::dns::NetTransport transport;
  upstream::Resolver resolver;

  Names(const Settings& settings, net::Loop& loop, const Clock& clock)
      : transport(loop), resolver(dns_config(settings), transport, clock) {}
};

async::Task<std::vector<IpAddress>> look_up(std::shared_ptr<Names> names, std::string host) {
  if (const upstream::dns::Resolved* known = names->resolver.known(host)) {
    co_return known->addresses;
  }
  async::Task<upstream::dns::Resolved> resolving = names->resolver.resolve(host);
  upstream::dns::Resolved resolved = co_await resolving;
  co_return std::move(resolved.addresses);
}

Result<std::string> content_of(const std::string& key, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  if (!file) return fail(fmt::format("{}: {} cannot be read", key, path));
  return std::move(content).str();
}

Result<store::EtcdOptions> etcd_options(const Settings& settings) {
  const EtcdSettings& etcd = settings.store.etcd;
  store::EtcdOptions options;
  options.prefix = settings.store.key_prefix + "/";
  if (!etcd.copy_path.empty()) options.copy_path = settings.absolute(etcd.copy_path);
  options.silence_ms = etcd.watch_timeout_ms;
  options.check_interval_ms = etcd.check_interval_ms;
  options.startup_retries = static_cast<int>(etcd.startup_retry);
  store::etcd::ClientOptions& client = options.client;
  for (const std::string& host : etcd.hosts) {
    client.endpoints.push_back(store::etcd::Endpoint::parse(host).value());  // checked before
  }
  client.user = etcd.user;
  client.password = etcd.password;
  client.timeout_ms = etcd.timeout_ms;
  client.verify = etcd.verify;
  client.sni = etcd.sni;
  client.trust = tls_client(settings);
  if (etcd.cert.empty()) return options;
  auto cert = content_of("deployment.etcd.tls.cert", settings.absolute(etcd.cert));
  if (!cert) return tl::unexpected(cert.error());
  auto key = content_of("deployment.etcd.tls.key", settings.absolute(etcd.key));
  if (!key) return tl::unexpected(key.error());
  client.identity = {std::move(*cert), Secret(*key)};
  return options;
}

Result<std::unique_ptr<store::EtcdStore>> open(store::EtcdOptions options, const Settings& settings,
                                               net::Loop& loop, const Clock& clock) {
  auto names = std::make_shared<Names>(settings, loop, clock);
  auto resolve = [names](std::string host) { return look_up(names, std::move(host)); };
  auto opened = store::EtcdStore::open(std::move(options), loop, clock, std::move(resolve));
  if (!opened) return fail("deployment.etcd: " + opened.error().message);
  return opened;
}

async::Task<void> make_directories(store::Store& store, std::string prefix,
                                   std::optional<Result<void>>& done) {
  std::vector<std::string> names{"plugins"};
  for (const config::ResourceType& type : config::resource_types()) {
    if (type.kind != config::Kind::credential) names.emplace_back(type.name);
  }
  for (const std::string& name : names) {
    store::PutOptions absent{.expected_mod_revision = 0, .ttl_s = {}, .origin = {}};
    std::string key = fmt::format("{}/{}/", prefix, name);
    async::Task<store::Outcome<store::Committed>> putting =
        store.put(key, std::string(kPlaceholder), absent);
    store::Outcome<store::Committed> put = co_await putting;
    bool there = put || put.error().kind == store::Failure::Kind::conflict;
    if (there) continue;
    done = fail(put.error().message);
    co_return;
  }
  done = Result<void>{};
}

}  // namespace

Result<std::unique_ptr<store::Store>> open_etcd_store(const Settings& settings, net::Loop& loop,
                                                      const Clock& clock) {
  Result<store::EtcdOptions> options = etcd_options(settings);
  if (!options) return tl::unexpected(options.error());
  auto opened = open(std::move(*options), settings, loop, clock);
  if (!opened) return tl::unexpected(opened.error());
  return std::unique_ptr<store::Store>(std::move(*opened));
}

Result<void> check_etcd_files(const Settings& settings) {
  Result<store::EtcdOptions> options = etcd_options(settings);
  return options ? Result<void>() : tl::unexpected(options.error());
}

Result<void> init_etcd(const Settings& settings) {
  Result<store::EtcdOptions> options = etcd_options(settings);
  if (!options) return tl::unexpected(options.error());
  options->copy_path.clear();
  net::Loop loop;
  net::LoopClock clock(loop);
  auto store = open(std::move(*options), settings, loop, clock);
  if (!store) return tl::unexpected(store.error());
  std::optional<Result<void>> done;
  async::Task<void> making = make_directories(**store, settings.store.key_prefix, done);
  making.start([](void*) {}, nullptr);
  while (!done) loop.turn(-1);
  return *done;
}

}  // namespace pylon::gateway
