// The figures about the gateway itself on the page that Prometheus scrapes, under APISIX's names.
// Those per request are in observe::Metrics, counted by the plugin.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "observe/metric_text.h"

namespace pylon::plugins {

struct GatewayFigures {
  struct Connections {
    uint64_t accepted = 0;  // since the start
    uint64_t active = 0;    // reading, writing and waiting
    uint64_t reading = 0;   // a head is being received
    uint64_t writing = 0;   // a request is on its way
    uint64_t waiting = 0;   // idle
  };
  struct NodeHealth {
    std::string name;  // of the resource with the checks: "/apisix/upstreams/1"
    std::string ip;
    uint16_t port = 0;
    bool healthy = true;
  };
  struct Log {
    std::string name;
    uint64_t dropped_lines = 0;             // no room, or the write failed
    std::optional<uint64_t> failed_writes;  // unset: they are counted in lines
    uint64_t suppressed_lines = 0;          // repetitions of a message, only counted
  };
  struct Secrets {  // fetched from managers
    uint64_t fetched = 0;
    uint64_t failed = 0;
  };

  std::string hostname;
  std::string version;
  uint64_t requests = 0;
  Connections connections;
  uint64_t lost_series = 0;  // series that found no room
  std::vector<NodeHealth> nodes;
  std::vector<std::pair<std::string, int64_t>> modify_indexes;  // by resource type
  std::optional<bool> etcd_reachable;                           // unset: there is no etcd
  std::vector<Log> logs;
  Secrets secrets;
  uint64_t evicted_counters = 0;   // of limit-count, within their time
  uint64_t given_up_searches = 0;  // of regular expressions, at their match limit
};

// "apisix_", or plugin_attr.prometheus.metric_prefix when that is a valid start of a name.
std::string_view metric_prefix(const Json& attributes);

void write_gateway_figures(observe::MetricText& text, std::string_view prefix,
                           const GatewayFigures& figures);

}  // namespace pylon::plugins
