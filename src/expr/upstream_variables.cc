// Variables about the attempts to get an answer. Of several attempts the values are joined by ", "
// in order of trial, as nginx does; "-" stands for a time that was not reached.

#include "expr/getters.h"

#include <span>

namespace pylon::expr {
namespace {

using http::Attempt;
using http::Exchange;

template <class Text>
std::string_view of_attempts(Exchange& exchange, Text&& text) {
  const http::UpstreamTrace& trace = exchange.upstream;
  if (trace.count == 0) return {};
  std::string_view joined = text(trace.attempts[0]);
  for (int i = 1; i < trace.count; ++i) {
    joined = exchange.arena.join(joined, ", ", text(trace.attempts[i]));
  }
  return joined;
}

// Text of the time from the attempt's start to one of its moments.
template <int64_t Attempt::*moment>
std::string_view time_to(const Operand&, Exchange& exchange) {
  return of_attempts(exchange, [&](const Attempt& attempt) -> std::string_view {
    int64_t at = attempt.*moment;
    return at == 0 ? "-" : seconds_text(at - attempt.started_us, exchange.arena);
  });
}

std::string_view addr(const Operand&, Exchange& exchange) {
  return of_attempts(exchange, [](const Attempt& attempt) { return attempt.address; });
}

// An attempt without an answer is a 502, as in nginx's log.
std::string_view status(const Operand&, Exchange& exchange) {
  return of_attempts(exchange, [&](const Attempt& attempt) -> std::string_view {
    if (attempt.status == 0) return "502";
    return number_text(static_cast<uint64_t>(attempt.status), exchange.arena);
  });
}

std::string_view bytes_received(const Operand&, Exchange& exchange) {
  return of_attempts(exchange, [&](const Attempt& attempt) {
    return number_text(attempt.bytes_received, exchange.arena);
  });
}

std::string_view scheme(const Operand&, Exchange& exchange) {
  return present(exchange.upstream.scheme);
}
std::string_view host(const Operand&, Exchange& exchange) {
  return present(exchange.upstream.host);
}
std::string_view uri(const Operand&, Exchange& exchange) { return present(exchange.upstream.uri); }

std::string_view balancer_ip(const Operand&, Exchange& exchange) {
  return or_absent(exchange.upstream.node_ip);
}

std::string_view balancer_port(const Operand&, Exchange& exchange) {
  if (exchange.upstream.node_port == 0) return {};
  return number_text(exchange.upstream.node_port, exchange.arena);
}

}  // namespace

std::span<const Named> upstream_variables() {
  static constexpr Named kVariables[] = {
      {"upstream_addr", addr},
      {"upstream_status", status},
      {"upstream_connect_time", time_to<&Attempt::connected_us>},
      {"upstream_header_time", time_to<&Attempt::header_us>},
      {"upstream_response_time", time_to<&Attempt::ended_us>},
      {"apisix_upstream_response_time", time_to<&Attempt::ended_us>},
      {"upstream_bytes_received", bytes_received},
      {"upstream_scheme", scheme},
      {"upstream_host", host},
      {"upstream_uri", uri},
      {"balancer_ip", balancer_ip},
      {"balancer_port", balancer_port},
  };
  return kVariables;
}

}  // namespace pylon::expr
