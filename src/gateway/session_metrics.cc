#include "gateway/session_metrics.h"

#include <array>

namespace pylon::gateway {

using observe::MetricType;

namespace {

// As the plugin prometheus writes it: "10.0.0.1:80", "[::1]:80".
std::string listen_addr(const stream::Presence::Place& place) {
  std::string ip = place.address.to_string();
  if (place.address.is_v6()) ip = "[" + ip + "]";
  return ip + ":" + std::to_string(place.port);
}

}  // namespace

SessionMetrics::SessionMetrics(observe::Metrics& metrics, observe::MetricShard& shard,
                               const std::string* active_prefix)
    : shard_(shard),
      tells_active_(active_prefix != nullptr),
      tcp_{.name = "TCP", .outcomes = {{"accepted"}, {"unmatched"}, {"refused"}, {"unreached"}}},
      udp_{.name = "UDP",
           .outcomes = {
               {"accepted"}, {"unmatched"}, {"refused"}, {"unreached"}, {"crowded"}, {"evicted"}}} {
  now_ = metrics.family({.name = "pylon_stream_sessions",
                         .help = "TCP connections and UDP sessions of stream routes now",
                         .type = MetricType::gauge,
                         .labels = {"transport"}});
  total_ = metrics.family({.name = "pylon_stream_sessions_total",
                           .help = "TCP connections and UDP sessions that came, and of these those "
                                   "that no route took, a plugin refused, reached no node, found "
                                   "no place or made room for others",
                           .type = MetricType::counter,
                           .labels = {"transport", "outcome"}});
  if (!tells_active_) return;
  active_ = metrics.family({.name = *active_prefix + "stream_active_connections",
                            .help = "Stream sessions under way by the address they came to",
                            .type = MetricType::gauge,
                            .labels = {"listen_addr"}});
}

void SessionMetrics::report(const stream::TcpProxy& tcp, const stream::UdpProxy& udp) {
  const stream::TcpCounts& t = tcp.counts();
  report(tcp_, tcp.sessions(), {t.accepted, t.unmatched, t.refused, t.unreached}, tcp.presence());
  const stream::UdpCounts& u = udp.counts();
  uint64_t came = u.opened + u.unmatched + u.refused + u.unreached + u.crowded;
  report(udp_, udp.sessions(), {came, u.unmatched, u.refused, u.unreached, u.crowded, u.evicted},
         udp.presence());
}

void SessionMetrics::report(Transport& transport, size_t now,
                            std::initializer_list<uint64_t> counts,
                            const stream::Presence& presence) {
  size_t index = 0;
  for (uint64_t count : counts) {
    Outcome& outcome = transport.outcomes[index++];
    if (count == outcome.told) continue;
    if (outcome.told == 0) {
      outcome.counter = shard_.counter(
          total_, std::array{std::string_view(transport.name), std::string_view(outcome.name)});
    }
    outcome.counter.add(static_cast<double>(count - outcome.told));
    outcome.told = count;
  }
  if (!transport.bound && transport.outcomes[0].told == 0) return;
  if (!transport.bound) {
    transport.now = shard_.gauge(now_, std::array{std::string_view(transport.name)});
    transport.bound = true;
  }
  transport.now.set(static_cast<double>(now));
  if (!tells_active_) return;
  for (size_t i = 0; i < presence.places().size(); i++) {
    const stream::Presence::Place& place = presence.places()[i];
    if (i == transport.places.size()) {
      std::string address = listen_addr(place);
      transport.places.push_back({shard_.gauge(active_, std::array{std::string_view(address)})});
    }
    Active& active = transport.places[i];
    active.gauge.add(static_cast<double>(place.sessions) - active.told);
    active.told = place.sessions;
  }
}

}  // namespace pylon::gateway
