// TlsMetrics: what one worker keeps and does for TLS, as metrics:
//
//   pylon_tls_certificates{side}                parsed and kept now; `server`: those that clients
//                                               see, `client`: those that upstreams see
//   pylon_tls_certificates_evicted_total{side}  of these, the ones that made room for others
//   pylon_tls_handshakes                        connections that have not come to the end of theirs
//
// A series is there once something was counted in it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gateway/tls_side.h"
#include "observe/metrics.h"
#include "tls/client_context.h"

namespace pylon::gateway {

class TlsMetrics {
 public:
  TlsMetrics(observe::Metrics& metrics, observe::MetricShard& shard)
      : metrics_(metrics), shard_(shard) {}

  // Adds what happened since the last call.
  void report(const TlsSide& servers, const tls::ClientContext& clients) {
    report(server_, servers.certificates(), servers.certificates_evicted());
    report(client_, clients.credentials().size(), clients.credentials().evicted());
    size_t handshakes = servers.handshakes();
    if (handshakes == 0 && !handshakes_bound_) return;
    if (!handshakes_bound_) {
      handshakes_ = shard_.gauge(metrics_.family({.name = "pylon_tls_handshakes",
                                                  .help = "TLS handshakes under way or waiting",
                                                  .type = observe::MetricType::gauge}),
                                 {});
      handshakes_bound_ = true;
    }
    handshakes_.set(static_cast<double>(handshakes));
  }

 private:
  struct Side {
    std::string_view name;
    observe::Gauge parsed = {};
    observe::Counter evicted = {};
    uint64_t told = 0;  // of `evicted`
    bool bound = false;
  };

  void report(Side& side, size_t parsed, uint64_t evicted) {
    if (parsed == 0 && !side.bound) return;
    if (!side.bound) bind(side);
    side.parsed.set(static_cast<double>(parsed));
    side.evicted.add(static_cast<double>(evicted - side.told));
    side.told = evicted;
  }

  void bind(Side& side) {
    std::array<std::string_view, 1> labels{side.name};
    side.parsed = shard_.gauge(metrics_.family({.name = "pylon_tls_certificates",
                                                .help = "Certificates that workers keep parsed",
                                                .type = observe::MetricType::gauge,
                                                .labels = {"side"}}),
                               labels);
    side.evicted =
        shard_.counter(metrics_.family({.name = "pylon_tls_certificates_evicted_total",
                                        .help = "Parsed certificates that made room for others",
                                        .labels = {"side"}}),
                       labels);
    side.bound = true;
  }

  observe::Metrics& metrics_;
  observe::MetricShard& shard_;
  Side server_{.name = "server"};
  Side client_{.name = "client"};
  observe::Gauge handshakes_;
  bool handshakes_bound_ = false;
};

}  // namespace pylon::gateway
