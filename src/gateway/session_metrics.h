// SessionMetrics: what one worker counts of TCP connections and UDP sessions of stream routes:
//
//   pylon_stream_sessions{transport}                   under way now
//   pylon_stream_sessions_total{transport,outcome}     what became of those that came
//   <prefix>stream_active_connections{listen_addr}     under way, by the address that clients
//                                                      asked; only where streams have the
//                                                      plugin prometheus
//
// A series is there once something was counted in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "observe/metrics.h"
#include "stream/tcp_proxy.h"
#include "stream/udp_proxy.h"

namespace pylon::gateway {

class SessionMetrics {
 public:
  // `active_prefix`: of the third family; null: it is not told.
  SessionMetrics(observe::Metrics& metrics, observe::MetricShard& shard,
                 const std::string* active_prefix);

  // Adds what happened since the last call.
  void report(const stream::TcpProxy& tcp, const stream::UdpProxy& udp);

 private:
  struct Outcome {
    const char* name;
    observe::Counter counter = {};
    uint64_t told = 0;
  };
  struct Active {
    observe::Gauge gauge;
    uint32_t told = 0;  // TCP and UDP of one address are told together
  };
  struct Transport {
    const char* name;
    observe::Gauge now = {};
    bool bound = false;
    std::vector<Outcome> outcomes;
    std::vector<Active> places = {};  // as in the presence
  };

  void report(Transport& transport, size_t now, std::initializer_list<uint64_t> counts,
              const stream::Presence& presence);

  observe::MetricShard& shard_;
  observe::FamilyId now_{}, total_{}, active_{};
  bool tells_active_;
  Transport tcp_, udp_;
};

}  // namespace pylon::gateway
