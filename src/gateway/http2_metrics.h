// Http2Metrics: what HTTP/2 clients of one worker did that leads nowhere, as series of metrics:
// pylon_http2_nuisances{kind,what}, where what is `seen` or `ended` (a connection was ended for
// it). A series is there once it has happened.
#pragma once

#include <array>

#include "http/h2/patience.h"
#include "observe/metrics.h"

namespace pylon::gateway {

class Http2Metrics {
 public:
  Http2Metrics(observe::Metrics& metrics, observe::MetricShard& shard)
      : metrics_(metrics), shard_(shard) {}

  // Adds what was counted since the last call. Costs little when that is nothing.
  void report(const http::h2::NuisanceCounts& counts) {
    add(counts.seen, seen_, "seen");
    add(counts.ended, ended_, "ended");
  }

 private:
  struct Series {
    observe::Counter counter;
    uint64_t told = 0;
  };
  using AllSeries = std::array<Series, http::h2::kNuisances>;

  void add(const std::array<uint64_t, http::h2::kNuisances>& counts, AllSeries& all,
           std::string_view what) {
    for (size_t kind = 0; kind < counts.size(); kind++) {
      Series& series = all[kind];
      if (counts[kind] == series.told) continue;
      if (series.told == 0) series.counter = bind(kind, what);
      series.counter.add(static_cast<double>(counts[kind] - series.told));
      series.told = counts[kind];
    }
  }

  observe::Counter bind(size_t kind, std::string_view what) {
    observe::FamilyId family =
        metrics_.family({.name = "pylon_http2_nuisances",
                         .help = "Acts of HTTP/2 clients that lead nowhere, and connections that "
                                 "ended for them",
                         .labels = {"kind", "what"}});
    std::array<std::string_view, 2> values{
        http::h2::nuisance_name(static_cast<http::h2::Nuisance>(kind)), what};
    return shard_.counter(family, values);
  }

  observe::Metrics& metrics_;
  observe::MetricShard& shard_;
  AllSeries seen_{};
  AllSeries ended_{};
};

}  // namespace pylon::gateway
