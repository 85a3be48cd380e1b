#include "plugins/prometheus_stream.h"

#include <array>
#include <string>

#include "base/hash.h"
#include "http/exchange.h"

namespace pylon::plugins {
namespace {

using observe::MetricType;

// "10.0.0.1:80", "[::1]:80"
std::string_view place(const IpAddress& address, uint16_t port, Arena& arena) {
  char text[IpAddress::kMaxText];
  std::string_view ip = address.to_text(text);
  std::string number = std::to_string(port);
  bool v6 = address.is_v6();
  std::string_view host = v6 ? arena.join("[", ip, "]") : arena.copy(ip);
  return arena.join(host, ":", number);
}

}  // namespace

StreamMetrics::StreamMetrics(plugin::Services& services, std::string_view name_prefix)
    : cache_(services.worker_slot<Cache>("prometheus streams")) {
  std::string prefix(name_prefix);
  observe::Metrics& metrics = services.metrics();
  connections_ =
      metrics.family({.name = prefix + "stream_connection_total",
                      .help = "Total number of connections handled per stream route in APISIX",
                      .type = MetricType::counter,
                      .labels = {"route"}});
  status_ = metrics.family({.name = prefix + "stream_status",
                            .help = "Stream sessions per termination status in APISIX",
                            .type = MetricType::counter,
                            .labels = {"code", "listen_addr", "node"}});
  bandwidth_ =
      metrics.family({.name = prefix + "stream_bandwidth",
                      .help = "Total bandwidth in bytes proxied by the stream subsystem in APISIX",
                      .type = MetricType::counter,
                      .labels = {"listen_addr", "type", "side"}});
}

void StreamMetrics::count(http::Exchange& exchange) const {
  Arena& arena = exchange.arena;
  std::string_view route = exchange.route != nullptr ? exchange.route->route_id : "";
  std::string_view code = arena.copy(std::to_string(exchange.response.status));
  std::string_view listen = place(exchange.server_address, exchange.server_port, arena);
  const http::UpstreamTrace& trace = exchange.upstream;
  std::string_view node = trace.count > 0 ? trace.attempts[trace.count - 1].address : "";
  uint64_t hash = hash_guarded(route);
  for (std::string_view label : {code, listen, node}) hash = hash_bytes(label, hash);

  Cache& cache = cache_.in(*exchange.worker);
  auto found = cache.by_labels.find(hash);
  if (found == cache.by_labels.end()) {
    if (cache.by_labels.size() >= Cache::kMaxSeries) cache.by_labels.clear();
    Series series = bind(exchange.worker->metrics, route, code, listen, node);
    found = cache.by_labels.emplace(hash, series).first;
  }
  const Series& series = found->second;
  auto up = static_cast<double>(exchange.request_bytes);
  auto down = static_cast<double>(exchange.bytes_sent);
  series.connections.add(1);
  series.status.add(1);
  series.from_client.add(up);
  series.to_client.add(down);
  if (trace.count == 0) return;
  series.to_node.add(up);
  series.from_node.add(down);
}

StreamMetrics::Series StreamMetrics::bind(observe::MetricShard& shard, std::string_view route,
                                          std::string_view code, std::string_view listen,
                                          std::string_view node) const {
  auto bandwidth = [&](std::string_view type, std::string_view side) {
    return shard.counter(bandwidth_, std::array{listen, type, side});
  };
  Series series;
  series.connections = shard.counter(connections_, std::array{route});
  series.status = shard.counter(status_, std::array{code, listen, node});
  series.from_client = bandwidth("ingress", "downstream");
  series.to_client = bandwidth("egress", "downstream");
  series.from_node = bandwidth("ingress", "upstream");
  series.to_node = bandwidth("egress", "upstream");
  return series;
}

}  // namespace pylon::plugins
