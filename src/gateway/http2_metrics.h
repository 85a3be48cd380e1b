// Http2Metrics: what the HTTP/2 peers of one worker did that leads nowhere, as series of metrics:
// pylon_http2_nuisances{peer,kind,what}, where peer is `client` or `upstream` and what is `seen` or
// `ended` (a connection was ended for it). A series is there once it has happened.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/h2/patience.h"
#include "observe/metrics.h"

namespace pylon::gateway {

class Http2Metrics {
 public:
  Http2Metrics(observe::Metrics& metrics, observe::MetricShard& shard)
      : metrics_(metrics), shard_(shard) {}

  // Adds what was counted since the last call. Costs little when that is nothing.
  void report(const http::h2::NuisanceCounts& clients, const http::h2::NuisanceCounts& upstreams) {
    add(clients, clients_, "client");
    add(upstreams, upstreams_, "upstream");
  }

 private:
  struct Series {
    observe::Counter counter;
    uint64_t told = 0;
  };
  struct OfPeers {
    std::array<Series, http::h2::kNuisances> seen, ended;
  };

  void add(const http::h2::NuisanceCounts& counts, OfPeers& all, std::string_view peer) {
    for (size_t kind = 0; kind < http::h2::kNuisances; kind++) {
      add(counts.seen[kind], all.seen[kind], {peer, name(kind), "seen"});
      add(counts.ended[kind], all.ended[kind], {peer, name(kind), "ended"});
    }
  }

  void add(uint64_t count, Series& series, const std::array<std::string_view, 3>& labels) {
    if (count == series.told) return;
    if (series.told == 0) series.counter = bind(labels);
    series.counter.add(static_cast<double>(count - series.told));
    series.told = count;
  }

  static std::string_view name(size_t kind) {
    return http::h2::nuisance_name(static_cast<http::h2::Nuisance>(kind));
  }

  observe::Counter bind(const std::array<std::string_view, 3>& labels) {
    observe::FamilyId family =
        metrics_.family({.name = "pylon_http2_nuisances",
                         .help = "Acts of HTTP/2 peers that lead nowhere, and connections that "
                                 "ended for them",
                         .labels = {"peer", "kind", "what"}});
    return shard_.counter(family, labels);
  }

  observe::Metrics& metrics_;
  observe::MetricShard& shard_;
  OfPeers clients_{};
  OfPeers upstreams_{};
};

}  // namespace pylon::gateway
