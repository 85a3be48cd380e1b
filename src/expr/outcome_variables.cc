// Variables about the response, the times, and what the request was matched to.
#include "base/time_text.h"

#include <span>
#include "expr/getters.h"

namespace pylon::expr {
namespace {

using http::Exchange;

std::string_view status(const Operand&, Exchange& exchange) {
  return three_digits(exchange.response.status, exchange.arena);
}

std::string_view body_bytes_sent(const Operand&, Exchange& exchange) {
  return number_text(exchange.body_bytes_sent, exchange.arena);
}

std::string_view bytes_sent(const Operand&, Exchange& exchange) {
  return number_text(exchange.bytes_sent, exchange.arena);
}

// Of the whole request; 0.000 before its end.
int64_t duration_us(const Exchange& exchange) {
  return exchange.end_us == 0 ? 0 : exchange.end_us - exchange.start_us;
}

// The wall clock at the end of the request; at its start before that.
int64_t wall_us(const Exchange& exchange) { return exchange.start_wall_us + duration_us(exchange); }

std::string_view request_time(const Operand&, Exchange& exchange) {
  return seconds_text(duration_us(exchange), exchange.arena);
}

std::string_view msec(const Operand&, Exchange& exchange) {
  return seconds_text(wall_us(exchange), exchange.arena);
}

std::string_view local_time(const Operand&, Exchange& exchange) {
  return exchange.arena.copy(time_local(wall_us(exchange) / 1'000'000));
}

std::string_view iso_time(const Operand&, Exchange& exchange) {
  return exchange.arena.copy(iso8601(wall_us(exchange) / 1'000'000));
}

std::string_view request_completion(const Operand&, Exchange& exchange) {
  return exchange.end_us != 0 && !exchange.client_aborted ? "OK" : "";
}

template <std::string_view http::RouteLabels::*member>
std::string_view label(const Operand&, Exchange& exchange) {
  if (exchange.route == nullptr) return {};
  return or_absent(exchange.route->*member);
}

template <std::string_view http::ConsumerIdentity::*member>
std::string_view identity(const Operand&, Exchange& exchange) {
  return or_absent(exchange.consumer.*member);
}

// Of sessions: there are no requests in them.
std::string_view protocol(const Operand&, Exchange& exchange) {
  return or_absent(exchange.transport);
}

std::string_view bytes_received(const Operand&, Exchange& exchange) {
  return number_text(exchange.request_bytes, exchange.arena);
}

std::string_view preread_name(const Operand&, Exchange& exchange) {
  return or_absent(exchange.preread_name);
}

std::string_view mqtt_client_id(const Operand&, Exchange& exchange) {
  return or_absent(exchange.mqtt_client_id);
}

}  // namespace

std::span<const Named> outcome_variables() {
  using Labels = http::RouteLabels;
  using Identity = http::ConsumerIdentity;
  static constexpr Named kVariables[] = {
      {"status", status},
      {"body_bytes_sent", body_bytes_sent},
      {"bytes_sent", bytes_sent},
      {"request_time", request_time},
      {"request_completion", request_completion},
      {"msec", msec},
      {"time_local", local_time},
      {"time_iso8601", iso_time},
      {"route_id", label<&Labels::route_id>},
      {"route_name", label<&Labels::route_name>},
      {"service_id", label<&Labels::service_id>},
      {"service_name", label<&Labels::service_name>},
      {"consumer_name", identity<&Identity::name>},
      {"consumer_group_id", identity<&Identity::group_id>},
      {"mqtt_client_id", mqtt_client_id},
      {"protocol", protocol},
      {"session_time", request_time},
      {"bytes_received", bytes_received},
      {"ssl_preread_server_name", preread_name},
  };
  return kVariables;
}

}  // namespace pylon::expr
