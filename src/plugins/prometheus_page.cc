#include "plugins/prometheus_page.h"

#include <algorithm>
#include <array>

namespace pylon::plugins {
namespace {

using observe::MetricText;
using observe::MetricType;
using Label = MetricText::Label;

// Families of one page, all with the same prefix.
class Page {
 public:
  Page(MetricText& text, std::string_view prefix) : text_(text), prefix_(prefix) {}

  void gauge(std::string_view name, std::string_view help) { begin(name, help, MetricType::gauge); }
  void counter(std::string_view name, std::string_view help) {
    begin(name, help, MetricType::counter);
  }
  void sample(uint64_t value) { text_.sample(static_cast<double>(value)); }
  void sample(std::string_view label, std::string_view value_of_label, uint64_t value) {
    std::array labels{Label{label, value_of_label}};
    text_.sample(labels, static_cast<double>(value));
  }
  MetricText& text() { return text_; }

 private:
  void begin(std::string_view name, std::string_view help, MetricType type) {
    text_.family(std::string(prefix_).append(name), help, type);
  }

  MetricText& text_;
  std::string_view prefix_;
};

void write_etcd(Page& page, const GatewayFigures& figures) {
  if (!figures.modify_indexes.empty()) {
    page.gauge("etcd_modify_indexes", "Etcd modify index for APISIX keys");
    for (const auto& [key, index] : figures.modify_indexes) {
      page.sample("key", key, static_cast<uint64_t>(index));
    }
  }
  if (figures.etcd_reachable) {
    page.gauge("etcd_reachable", "Config server etcd reachable from APISIX, 0 is unreachable");
    page.sample(*figures.etcd_reachable ? 1 : 0);
  }
}

void write_connections(Page& page, const GatewayFigures& figures) {
  const GatewayFigures::Connections& connections = figures.connections;
  page.gauge("http_requests_total", "The total number of client requests since APISIX started");
  page.sample(figures.requests);
  page.gauge("nginx_http_current_connections", "Number of HTTP connections");
  page.sample("state", "accepted", connections.accepted);
  page.sample("state", "active", connections.active);
  page.sample("state", "handled", connections.accepted);
  page.sample("state", "reading", connections.reading);
  page.sample("state", "waiting", connections.waiting);
  page.sample("state", "writing", connections.writing);
  page.counter("nginx_metric_errors_total", "Number of series that found no room");
  page.sample(figures.lost_series);
}

void write_nodes(Page& page, const GatewayFigures& figures) {
  if (figures.nodes.empty()) return;
  page.gauge("upstream_status", "Upstream status from health check");
  for (const GatewayFigures::NodeHealth& node : figures.nodes) {
    std::string port = std::to_string(node.port);
    std::array labels{Label{"name", node.name}, Label{"ip", node.ip}, Label{"port", port}};
    page.text().sample(labels, node.healthy ? 1 : 0);
  }
}

void write_logs(MetricText& text, const std::vector<GatewayFigures::Log>& logs) {
  if (logs.empty()) return;
  auto sample = [&text](const GatewayFigures::Log& log, uint64_t value) {
    text.sample(std::array{Label{"log", log.name}}, static_cast<double>(value));
  };
  text.family("pylon_log_lines_dropped_total",
              "Lines that the log had no room for, as the disk was too slow", MetricType::counter);
  for (const GatewayFigures::Log& log : logs) sample(log, log.dropped_lines);
  text.family("pylon_log_write_failures_total", "Writes of a log that failed: a full disk, usually",
              MetricType::counter);
  for (const GatewayFigures::Log& log : logs) {
    if (log.failed_writes) sample(log, *log.failed_writes);
  }
  if (std::ranges::all_of(logs, [](const auto& log) { return log.suppressed_lines == 0; })) return;
  text.family("pylon_log_lines_suppressed_total",
              "Repetitions of a message within a second that were counted and not written",
              MetricType::counter);
  for (const GatewayFigures::Log& log : logs) {
    if (log.suppressed_lines != 0) sample(log, log.suppressed_lines);
  }
}

// What is there once it has happened.
void write_rarities(MetricText& text, const GatewayFigures& figures) {
  if (const auto& [fetched, failed] = figures.secrets; fetched + failed != 0) {
    text.family("pylon_secret_fetches_total", "Secrets asked from managers", MetricType::counter);
    text.sample(std::array{Label{"outcome", "fetched"}}, static_cast<double>(fetched));
    text.sample(std::array{Label{"outcome", "failed"}}, static_cast<double>(failed));
  }
  if (figures.evicted_counters != 0) {
    text.family("pylon_limit_count_evicted_total",
                "Counters of limit-count that made room for others within their time",
                MetricType::counter);
    text.sample({}, static_cast<double>(figures.evicted_counters));
  }
  if (figures.given_up_searches != 0) {
    text.family("pylon_regex_gave_up_total",
                "Searches with a regular expression that ended at their limit, without a match",
                MetricType::counter);
    text.sample({}, static_cast<double>(figures.given_up_searches));
  }
}

}  // namespace

std::string_view metric_prefix(const Json& attributes) {
  const Json* given = attributes.find("metric_prefix");
  std::string_view prefix = given != nullptr ? given->as_string() : std::string_view();
  return observe::valid_metric_name(prefix) ? prefix : "apisix_";
}

void write_gateway_figures(MetricText& text, std::string_view prefix,
                           const GatewayFigures& figures) {
  Page page(text, prefix);
  write_etcd(page, figures);
  write_connections(page, figures);
  page.gauge("node_info", "Info of APISIX node");
  std::array labels{Label{"hostname", figures.hostname}, Label{"version", figures.version}};
  text.sample(labels, 1);
  write_nodes(page, figures);
  write_logs(text, figures.logs);
  write_rarities(text, figures);
}

}  // namespace pylon::plugins
