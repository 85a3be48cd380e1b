// LogMetrics: what became of the messages that plugins of one worker sent to log servers:
// pylon_log_messages_total{outcome}, `sent` or `dropped`. A series is there once it has happened.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "observe/metrics.h"
#include "proxy/log_courier.h"

namespace pylon::gateway {

class LogMetrics {
 public:
  LogMetrics(observe::Metrics& metrics, observe::MetricShard& shard)
      : metrics_(metrics), shard_(shard) {}

  // Adds what was counted since the last call.
  void report(const proxy::WorkerLogCourier& courier) {
    add(sent_, courier.sent(), "sent");
    add(dropped_, courier.dropped(), "dropped");
  }

 private:
  struct Series {
    observe::Counter counter;
    uint64_t told = 0;
  };

  void add(Series& series, uint64_t count, std::string_view outcome) {
    if (count == series.told) return;
    if (series.told == 0) {
      observe::FamilyId family = metrics_.family({.name = "pylon_log_messages_total",
                                                  .help = "Messages of plugins to log servers",
                                                  .labels = {"outcome"}});
      series.counter = shard_.counter(family, std::array{outcome});
    }
    series.counter.add(static_cast<double>(count - series.told));
    series.told = count;
  }

  observe::Metrics& metrics_;
  observe::MetricShard& shard_;
  Series sent_, dropped_;
};

}  // namespace pylon::gateway
