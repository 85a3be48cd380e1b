#include "stream/admission.h"

#include "base/strings.h"
#include "observe/log.h"

namespace pylon::stream {

using observe::Level;

Admission::Admission(const Workplace& workplace, const http::ConnectionEnds& both,
                     std::string_view transport, std::string_view server_name)
    : place(workplace), ends(both), name(to_lower(server_name)), pin_(workplace.seat.pin()) {
  ends.describe_to(exchange);
  exchange.transport = transport;
  exchange.connection_id = http::next_connection_id();
  exchange.start_us = place.loop.now_us();
  exchange.start_wall_us = exchange.start_us + place.loop.wall_offset_us();
  exchange.worker = &place.worker;
  exchange.metadata = snapshot().metadata.get();
}

bool Admission::match() {
  route_ = snapshot().streams.match({ends.client, ends.server, ends.server_port, name});
  if (route_ == nullptr) {
    observe::log(Level::info, "client {}: no stream route takes port {}", ends.client_name(),
                 ends.server_port);
    return false;
  }
  exchange.route = &route_->labels;
  chain = plugin::ActiveChain(route_->chain->chain(), exchange);
  return true;
}

const upstream::Upstream* Admission::upstream() const {
  uint32_t chosen = exchange.chosen_upstream;
  const upstream::Upstream* upstream = chosen == http::kNoUpstream ? snapshot().upstream_of(*route_)
                                                                   : snapshot().upstream_at(chosen);
  if (upstream != nullptr && !upstream->empty()) return upstream;
  observe::log(Level::error, "stream route {}: no upstream", route_->id);
  return nullptr;
}

bool Admission::pick(const upstream::Upstream& upstream, upstream::Tried& tried,
                     upstream::Pick& pick) {
  pick = place.balancer.pick(upstream, exchange, tried);
  if (!pick) return false;
  http::UpstreamTrace& trace = exchange.upstream;
  trace.scheme = upstream::scheme_name(upstream.scheme);
  trace.node_ip = pick.endpoint().ip_text();
  trace.node_port = pick.endpoint().identity().port;
  trace.add({.address = pick.endpoint().text(), .started_us = place.loop.now_us()}, exchange.arena);
  return true;
}

void Admission::log(SessionStatus status, uint64_t up, uint64_t down) {
  if (!wants_log()) return;
  exchange.end_us = place.loop.now_us();
  exchange.response.status = static_cast<int>(status);
  exchange.request_bytes = up;
  exchange.bytes_sent = exchange.body_bytes_sent = down;
  if (exchange.upstream.count > 0) {
    attempt().ended_us = exchange.end_us;
    attempt().bytes_received = down;
    attempt().status = status == SessionStatus::done ? 200 : 0;
  }
  chain.session_log(exchange);
  if (place.access_log != nullptr) place.access_log->write(exchange);
}

}  // namespace pylon::stream
