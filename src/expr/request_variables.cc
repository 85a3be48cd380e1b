// Variables that the request's head answers.
#include "base/ids.h"

#include <span>
#include "base/strings.h"
#include "expr/getters.h"

namespace pylon::expr {
namespace {

using http::Exchange;

std::string_view uri(const Operand&, Exchange& exchange) { return present(exchange.request.uri); }

std::string_view args(const Operand&, Exchange& exchange) {
  return exchange.request.has_args ? present(exchange.request.args) : std::string_view();
}

std::string_view is_args(const Operand&, Exchange& exchange) {
  return exchange.request.args.empty() ? "" : "?";
}

std::string_view request_uri(const Operand&, Exchange& exchange) {
  const http::Request& request = exchange.request;
  if (request.args.empty()) return present(request.uri);
  return exchange.arena.join(request.uri, "?", request.args);
}

std::string_view real_request_uri(const Operand&, Exchange& exchange) {
  return present(exchange.request.target);
}

std::string_view request_line(const Operand&, Exchange& exchange) {
  const http::Request& request = exchange.request;
  std::string_view start = exchange.arena.join(request.method_text, " ", request.target);
  return exchange.arena.join(start, " ", http::version_text(request.version));
}

std::string_view request_method(const Operand&, Exchange& exchange) {
  return present(exchange.request.method_text);
}

std::string_view scheme(const Operand&, Exchange& exchange) {
  return exchange.request.https ? "https" : "http";
}

std::string_view https(const Operand&, Exchange& exchange) {
  return exchange.request.https ? "on" : "";
}

std::string_view http2(const Operand&, Exchange& exchange) {
  if (exchange.request.version != http::Version::http2) return "";
  return exchange.request.https ? "h2" : "h2c";
}

// nginx falls back to the server's name, which APISIX leaves at "_".
std::string_view host(const Operand&, Exchange& exchange) {
  return exchange.request.host.empty() ? "_" : exchange.request.host;
}

std::string_view server_protocol(const Operand&, Exchange& exchange) {
  return http::version_text(exchange.request.version);
}

// The fields that tell the upstream how the client asked are there from the start, as in APISIX:
// the client's own when it is believed, else the gateway's, which only its head writer spells out.
template <http::FieldId id>
std::string_view forwarded(Exchange& exchange, std::string_view own) {
  constexpr uint64_t kBit = uint64_t{1} << static_cast<int>(id);
  if (exchange.request.fields.has(id)) return exchange.request.fields.get(id);
  return (exchange.forward.left_out & kBit) != 0 ? std::string_view() : own;
}

std::string_view forwarded_proto(const Operand& operand, Exchange& exchange) {
  return forwarded<http::FieldId::x_forwarded_proto>(exchange, scheme(operand, exchange));
}

std::string_view forwarded_host(const Operand&, Exchange& exchange) {
  return forwarded<http::FieldId::x_forwarded_host>(exchange, http::host_text(exchange.request));
}

std::string_view forwarded_port(const Operand&, Exchange& exchange) {
  uint16_t named = exchange.request.port;
  std::string_view port = number_text(named != 0 ? named : exchange.server_port, exchange.arena);
  return forwarded<http::FieldId::x_forwarded_port>(exchange, port);
}

std::string_view content_type(const Operand&, Exchange& exchange) {
  return exchange.request.fields.get(http::FieldId::content_type);
}

std::string_view content_length(const Operand&, Exchange& exchange) {
  if (exchange.request.content_length < 0) return {};
  return number_text(static_cast<uint64_t>(exchange.request.content_length), exchange.arena);
}

std::string_view request_length(const Operand&, Exchange& exchange) {
  return number_text(exchange.request_bytes, exchange.arena);
}

// 16 random bytes in hexadecimal, the same each time it is asked for.
std::string_view request_id(const Operand&, Exchange& exchange) {
  if (exchange.request_id.empty()) {
    char random[16];
    random_bytes(random, sizeof random);
    char* text = exchange.arena.bytes(2 * sizeof random);
    hex_encode({random, sizeof random}, text);
    exchange.request_id = {text, 2 * sizeof random};
  }
  return exchange.request_id;
}

// The user of Basic credentials, RFC 7617.
std::string_view remote_user(const Operand&, Exchange& exchange) {
  std::string_view credentials = exchange.request.fields.get(http::FieldId::authorization);
  if (!istarts_with(credentials, "basic ")) return {};
  auto decoded = base64_decode(trim(credentials.substr(6)));
  if (!decoded) return {};
  size_t colon = decoded->find(':');
  if (colon == 0 || colon == std::string::npos) return {};
  return exchange.arena.copy(std::string_view(*decoded).substr(0, colon));
}

std::string_view request_body(const Operand&, Exchange& exchange) { return exchange.body; }

std::string_view request_type(const Operand&, Exchange&) { return "traditional_http"; }

}  // namespace

std::span<const Named> request_variables() {
  static constexpr Named kVariables[] = {
      {"uri", uri},
      {"document_uri", uri},
      {"args", args},
      {"query_string", args},
      {"is_args", is_args},
      {"request_uri", request_uri},
      {"real_request_uri", real_request_uri},
      {"request", request_line},
      {"request_line", request_line},
      {"request_method", request_method},
      {"method", request_method},
      {"scheme", scheme},
      {"https", https},
      {"http2", http2},
      {"host", host},
      {"http_x_forwarded_proto", forwarded_proto},
      {"http_x_forwarded_host", forwarded_host},
      {"http_x_forwarded_port", forwarded_port},
      {"server_protocol", server_protocol},
      {"content_type", content_type},
      {"content_length", content_length},
      {"request_length", request_length},
      {"request_id", request_id},
      {"apisix_request_id", request_id},
      {"remote_user", remote_user},
      {"request_body", request_body},
      {"request_type", request_type},
  };
  return kVariables;
}

}  // namespace pylon::expr
