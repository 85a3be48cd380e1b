#include <algorithm>
#include <array>
#include <unordered_map>

#include "expr/variable.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "plugin/plugin.h"
#include "plugins/prometheus_page.h"
#include "plugins/prometheus_stream.h"

namespace pylon::plugins {

// Labels that may be told to stay empty; those that make a metric what it is may not.
enum class StatusLabel {
  route,
  matched_uri,
  matched_host,
  service,
  consumer,
  node,
  request_type,
  request_llm_model,
  llm_model,
  response_source
};
enum class TrafficLabel {
  route,
  service,
  consumer,
  node,
  request_type,
  request_llm_model,
  llm_model
};

}  // namespace pylon::plugins

template <>
struct pylon::schema::EnumNames<pylon::plugins::StatusLabel> {
  static constexpr std::string_view names[] = {
      "route", "matched_uri",  "matched_host",      "service",   "consumer",
      "node",  "request_type", "request_llm_model", "llm_model", "response_source"};
};
template <>
struct pylon::schema::EnumNames<pylon::plugins::TrafficLabel> {
  static constexpr std::string_view names[] = {
      "route", "service", "consumer", "node", "request_type", "request_llm_model", "llm_model"};
};

namespace pylon::plugins {
namespace {

using namespace plugin;
using expr::Variable;
using observe::Counter;
using observe::FamilyId;
using observe::Histogram;
using observe::MetricShard;
using observe::MetricType;
using schema::EnumNames;
using schema::field;

// Labels of the operator's own, from plugin_attr.prometheus.metrics.<metric>.extra_labels:
// [{"upstream_addr": "$upstream_addr"}].
struct ExtraLabels {
  std::vector<std::string> names;
  std::vector<Variable> variables;

  explicit ExtraLabels(const Json* metric) {
    const Json* labels = metric != nullptr ? metric->find("extra_labels") : nullptr;
    if (labels == nullptr) return;
    for (const Json& label : labels->items()) {
      for (const auto& [name, variable] : label.members()) add(name, variable.as_string());
    }
  }

  void add(const std::string& name, std::string_view variable) {
    if (!observe::valid_label_name(name) || !variable.starts_with('$')) {
      observe::log(observe::Level::error, "plugin_attr.prometheus: extra label {} is not valid",
                   name);
      return;
    }
    names.push_back(name);
    variables.push_back(Variable::compile(variable.substr(1)));
  }
};

template <class Label>
std::vector<std::string> label_names(std::string_view first, const ExtraLabels& extra) {
  std::vector<std::string> names{std::string(first)};
  names.insert(names.end(), std::begin(EnumNames<Label>::names), std::end(EnumNames<Label>::names));
  names.insert(names.end(), extra.names.begin(), extra.names.end());
  return names;
}

// The metrics themselves: declared once in the process.
class Families {
 public:
  explicit Families(observe::Metrics& metrics, const Json& attributes)
      : status_extra(metric(attributes, "http_status")),
        latency_extra(metric(attributes, "http_latency")),
        bandwidth_extra(metric(attributes, "bandwidth")) {
    std::string prefix(metric_prefix(attributes));
    status = metrics.family({.name = prefix + "http_status",
                             .help = "HTTP status codes per service in APISIX",
                             .type = MetricType::counter,
                             .labels = label_names<StatusLabel>("code", status_extra)});
    latency = metrics.family({.name = prefix + "http_latency",
                              .help = "HTTP request latency in milliseconds per service in APISIX",
                              .type = MetricType::histogram,
                              .labels = label_names<TrafficLabel>("type", latency_extra),
                              .bounds = buckets(attributes)});
    bandwidth = metrics.family({.name = prefix + "bandwidth",
                                .help = "Total bandwidth in bytes consumed per service in APISIX",
                                .type = MetricType::counter,
                                .labels = label_names<TrafficLabel>("type", bandwidth_extra)});
  }

  ExtraLabels status_extra;
  ExtraLabels latency_extra;
  ExtraLabels bandwidth_extra;
  FamilyId status{};
  FamilyId latency{};
  FamilyId bandwidth{};

 private:
  static const Json* metric(const Json& attributes, std::string_view name) {
    const Json* metrics = attributes.find("metrics");
    return metrics != nullptr ? metrics->find(name) : nullptr;
  }

  static std::vector<double> buckets(const Json& attributes) {
    std::vector<double> bounds;
    if (const Json* given = attributes.find("default_buckets")) {
      for (const Json& bound : given->items()) bounds.push_back(bound.as_double());
    }
    std::sort(bounds.begin(), bounds.end());
    bounds.erase(std::unique(bounds.begin(), bounds.end()), bounds.end());
    if (!bounds.empty() && bounds.size() <= observe::Metrics::kMaxBounds) return bounds;
    return {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 30000, 60000};
  }
};

// What one request is counted under.
struct Labels {
  std::string_view code;
  std::array<std::string_view, std::size(EnumNames<StatusLabel>::names)> status;
  std::array<std::string_view, std::size(EnumNames<TrafficLabel>::names)> latency;
  std::array<std::string_view, std::size(EnumNames<TrafficLabel>::names)> bandwidth;
};

// The cells of one set of labels, bound to the worker's shard.
struct Series {
  Counter status;
  Histogram request_latency;
  Histogram upstream_latency;
  Histogram apisix_latency;
  Counter ingress;
  Counter egress;
};

// Per worker: the series found so far. Started anew when it is full; nothing is lost by that.
struct SeriesCache {
  static constexpr size_t kMaxSeries = 32'768;
  struct SameHash {
    size_t operator()(uint64_t hash) const { return hash; }
  };
  std::unordered_map<uint64_t, Series, SameHash> by_labels;
};

class Prometheus {
 public:
  struct Config {
    bool prefer_name = false;

    static constexpr auto fields =
        std::tuple{field("prefer_name", &Config::prefer_name,
                         "Whether routes and services are told by name, not by id.")};
  };
  struct DisabledLabels {
    static constexpr bool closed = true;
    std::vector<StatusLabel> http_status;
    std::vector<TrafficLabel> http_latency;
    std::vector<TrafficLabel> bandwidth;

    static constexpr auto fields =
        std::tuple{field("http_status", &DisabledLabels::http_status, "Of `http_status`."),
                   field("http_latency", &DisabledLabels::http_latency, "Of `http_latency`."),
                   field("bandwidth", &DisabledLabels::bandwidth, "Of `bandwidth`.")};
  };
  struct Metadata {
    DisabledLabels disabled_labels;

    static constexpr auto fields =
        std::tuple{field("disabled_labels", &Metadata::disabled_labels,
                         "Labels whose values are left empty, so that there are fewer series.")};
  };

  static constexpr PluginSpec spec{.name = "prometheus",
                                   .priority = 500,
                                   .version = "0.2",
                                   .prefer_route = true,
                                   .doc = "Counts requests, their latency and their bytes."};

  Prometheus(Config config, const Context& context)
      : prefer_name_(config.prefer_name),
        families_(context.services.get<Families>("prometheus", context.services.metrics(),
                                                 context.attributes())),
        streams_(context.services.get<StreamMetrics>("prometheus streams", context.services,
                                                     metric_prefix(context.attributes()))),
        cache_(context.services.worker_slot<SeriesCache>("prometheus")),
        metadata_(context) {}

  void log(Exchange& exchange) const {
    const Series& series = series_of(exchange);
    series.status.add(1);
    double latency_ms = milliseconds(exchange.end_us - exchange.start_us);
    series.request_latency.observe(latency_ms);
    double upstream_ms = 0;
    if (exchange.upstream.count > 0) {
      upstream_ms = upstream_latency_ms(exchange);
      series.upstream_latency.observe(upstream_ms);
    }
    series.apisix_latency.observe(std::max(0.0, latency_ms - upstream_ms));
    series.ingress.add(static_cast<double>(exchange.request_bytes));
    series.egress.add(static_cast<double>(exchange.bytes_sent));
  }

  void session_log(Exchange& exchange) const { streams_.count(exchange); }

 private:
  static double milliseconds(int64_t us) { return static_cast<double>(us) / 1000; }

  static double upstream_latency_ms(const Exchange& exchange) {
    int64_t sum_us = 0;
    for (int i = 0; i < exchange.upstream.count; ++i) {
      const http::Attempt& attempt = exchange.upstream.attempts[i];
      sum_us += std::max<int64_t>(0, attempt.ended_us - attempt.started_us);
    }
    return milliseconds(sum_us);
  }

  // Who answered.
  enum class Source : uint8_t { apisix, nginx, upstream };

  static Source source_of(const Exchange& exchange) {
    if (exchange.response.from_upstream) return Source::upstream;
    return exchange.upstream.count > 0 ? Source::nginx : Source::apisix;
  }

  // What tells one series from another, but for the status and extra labels.
  struct Identity {
    std::string_view route;
    std::string_view matched_uri;
    std::string_view matched_host;
    std::string_view service;
    std::string_view consumer;
    std::string_view node;
    Source source;
  };

  Identity identity_of(const Exchange& exchange) const {
    static constexpr http::RouteLabels kNoRoute{};
    const http::RouteLabels& route = exchange.route != nullptr ? *exchange.route : kNoRoute;
    bool names = prefer_name_;
    return {names && !route.route_name.empty() ? route.route_name : route.route_id,
            route.matched_uri,
            route.matched_host,
            names && !route.service_name.empty() ? route.service_name : route.service_id,
            exchange.consumer.name,
            exchange.upstream.node_ip,
            source_of(exchange)};
  }

  // Empties the labels that the metadata says.
  template <class Values, class Label>
  static void disable(Values& values, const std::vector<Label>& disabled) {
    for (Label label : disabled) values[static_cast<size_t>(label)] = {};
  }

  static Labels labels_of(const Identity& of, const DisabledLabels& disabled, Exchange& exchange) {
    static constexpr std::string_view kSources[] = {"apisix", "nginx", "upstream"};
    constexpr std::string_view kType = "traditional_http";
    Labels labels;
    labels.code = code_text(exchange);
    labels.status = {of.route,
                     of.matched_uri,
                     of.matched_host,
                     of.service,
                     of.consumer,
                     of.node,
                     kType,
                     {},
                     {},
                     kSources[static_cast<size_t>(of.source)]};
    labels.latency = {of.route, of.service, of.consumer, of.node, kType, {}, {}};
    labels.bandwidth = labels.latency;
    disable(labels.status, disabled.http_status);
    disable(labels.latency, disabled.http_latency);
    disable(labels.bandwidth, disabled.bandwidth);
    return labels;
  }

  static std::string_view code_text(Exchange& exchange) {
    char digits[3];
    int code = exchange.response.status;
    for (int i = 2; i >= 0; --i, code /= 10) digits[i] = static_cast<char>('0' + code % 10);
    return exchange.arena.copy({digits, sizeof digits});
  }

  using Values = std::vector<std::string_view>;

  static uint64_t hash_extra(const ExtraLabels& extra, Exchange& exchange, uint64_t hash) {
    for (const Variable& variable : extra.variables) {
      hash = hash_bytes(variable.value(exchange), hash);
    }
    return hash;
  }

  template <class Label>
  static uint64_t hash_disabled(const std::vector<Label>& labels, uint64_t hash) {
    if (labels.empty()) return hash;
    return hash_bytes({reinterpret_cast<const char*>(labels.data()), labels.size() * sizeof(Label)},
                      hash + labels.size());
  }

  // Of what all labels are made of.
  uint64_t hash_of(const Identity& identity, const DisabledLabels& disabled,
                   Exchange& exchange) const {
    static const uint64_t seed = hash_guarded("prometheus");
    uint64_t small = static_cast<uint64_t>(exchange.response.status) << 8 |
                     static_cast<uint64_t>(identity.source);
    uint64_t hash = hash_bytes(identity.route, seed + small);
    for (std::string_view value : {identity.matched_uri, identity.matched_host, identity.service,
                                   identity.consumer, identity.node}) {
      hash = hash_bytes(value, hash);
    }
    hash = hash_disabled(disabled.http_status, hash);
    hash = hash_disabled(disabled.http_latency, hash + 1);
    hash = hash_disabled(disabled.bandwidth, hash + 1);
    hash = hash_extra(families_.status_extra, exchange, hash);
    hash = hash_extra(families_.latency_extra, exchange, hash);
    return hash_extra(families_.bandwidth_extra, exchange, hash);
  }

  template <class Array>
  static Values values_of(std::string_view first, const Array& labels, const ExtraLabels& extra,
                          Exchange& exchange) {
    Values values{first};
    values.insert(values.end(), labels.begin(), labels.end());
    for (const Variable& variable : extra.variables) values.push_back(variable.value(exchange));
    return values;
  }

  Series bind(const Labels& labels, Exchange& exchange) const {
    MetricShard& shard = exchange.worker->metrics;
    auto latency = [&](std::string_view type) {
      return shard.histogram(families_.latency,
                             values_of(type, labels.latency, families_.latency_extra, exchange));
    };
    auto bandwidth = [&](std::string_view type) {
      return shard.counter(families_.bandwidth,
                           values_of(type, labels.bandwidth, families_.bandwidth_extra, exchange));
    };
    Values status = values_of(labels.code, labels.status, families_.status_extra, exchange);
    Series series;
    series.status = shard.counter(families_.status, status);
    series.request_latency = latency("request");
    series.apisix_latency = latency("apisix");
    // Without an upstream there is nothing to tell about it.
    if (exchange.upstream.count > 0) series.upstream_latency = latency("upstream");
    series.ingress = bandwidth("ingress");
    series.egress = bandwidth("egress");
    return series;
  }

  const Series& series_of(Exchange& exchange) const {
    SeriesCache& cache = cache_.in(*exchange.worker);
    const DisabledLabels& disabled = metadata_.in(exchange).disabled_labels;
    Identity identity = identity_of(exchange);
    uint64_t hash = hash_of(identity, disabled, exchange);
    auto found = cache.by_labels.find(hash);
    if (found != cache.by_labels.end()) [[likely]]
      return found->second;
    if (cache.by_labels.size() >= SeriesCache::kMaxSeries) cache.by_labels.clear();
    Labels labels = labels_of(identity, disabled, exchange);
    return cache.by_labels.emplace(hash, bind(labels, exchange)).first->second;
  }

  bool prefer_name_;
  const Families& families_;
  const StreamMetrics& streams_;
  WorkerSlot<SeriesCache> cache_;
  MetadataSlot<Metadata> metadata_;
};

}  // namespace

PluginType prometheus() { return type_of<Prometheus>(); }

}  // namespace pylon::plugins
