// The metrics of stream routes: what the plugin prometheus counts when a TCP connection or UDP
// session is over. Source: APISIX 3.18, plugins/prometheus/exporter.lua.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "observe/metrics.h"
#include "plugin/context.h"

namespace pylon::http {
struct Exchange;
}

namespace pylon::plugins {

class StreamMetrics {
 public:
  StreamMetrics(plugin::Services& services, std::string_view name_prefix);

  void count(http::Exchange& exchange) const;

 private:
  struct Series {
    observe::Counter connections, status;
    observe::Counter from_client, to_client, from_node, to_node;
  };
  // Per worker: the series found so far. Started anew when it is full; nothing is lost by that.
  struct Cache {
    static constexpr size_t kMaxSeries = 4096;
    std::unordered_map<uint64_t, Series> by_labels;
  };

  Series bind(observe::MetricShard& shard, std::string_view route, std::string_view code,
              std::string_view listen, std::string_view node) const;

  observe::FamilyId connections_{};
  observe::FamilyId status_{};
  observe::FamilyId bandwidth_{};
  plugin::WorkerSlot<Cache> cache_;
};

}  // namespace pylon::plugins
