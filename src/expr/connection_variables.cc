// Variables about client, server and process.
#include <limits.h>
#include <unistd.h>

#include <span>
#include <string>

#include "base/strings.h"
#include "expr/getters.h"
#include "http/announced.h"

namespace pylon::expr {
namespace {

using http::Exchange;

std::string_view peer_address(const http::Peer& peer, Arena& arena) {
  return peer.text.empty() ? address_text(peer.address, arena) : peer.text;
}

std::string_view remote_addr(const Operand&, Exchange& exchange) {
  return peer_address(exchange.client, exchange.arena);
}

std::string_view remote_port(const Operand&, Exchange& exchange) {
  return number_text(exchange.client.port, exchange.arena);
}

std::string_view realip_remote_addr(const Operand&, Exchange& exchange) {
  return peer_address(exchange.socket, exchange.arena);
}

std::string_view realip_remote_port(const Operand&, Exchange& exchange) {
  return number_text(exchange.socket.port, exchange.arena);
}

std::string_view proxy_protocol_addr(const Operand&, Exchange& exchange) {
  if (exchange.announced == nullptr) return {};
  return address_text(exchange.announced->client, exchange.arena);
}

std::string_view proxy_protocol_port(const Operand&, Exchange& exchange) {
  if (exchange.announced == nullptr) return {};
  return number_text(exchange.announced->client_port, exchange.arena);
}

std::string_view proxy_protocol_server_addr(const Operand&, Exchange& exchange) {
  if (exchange.announced == nullptr) return {};
  return address_text(exchange.announced->server, exchange.arena);
}

std::string_view proxy_protocol_server_port(const Operand&, Exchange& exchange) {
  if (exchange.announced == nullptr) return {};
  return number_text(exchange.announced->server_port, exchange.arena);
}

// The address as it goes over the wire: four or sixteen bytes.
std::string_view binary_remote_addr(const Operand&, Exchange& exchange) {
  const IpAddress& address = exchange.client.address;
  std::string_view bytes(reinterpret_cast<const char*>(address.bytes().data()), 16);
  return exchange.arena.copy(address.is_v4() ? bytes.substr(12) : bytes);
}

std::string_view server_addr(const Operand&, Exchange& exchange) {
  return address_text(exchange.server_address, exchange.arena);
}

std::string_view server_port(const Operand&, Exchange& exchange) {
  return number_text(exchange.server_port, exchange.arena);
}

std::string_view server_name(const Operand&, Exchange&) { return "_"; }

std::string_view hostname(const Operand&, Exchange&) {
  static const std::string name = [] {
    char text[HOST_NAME_MAX + 1] = {};
    return ::gethostname(text, HOST_NAME_MAX) == 0 ? to_lower(text) : std::string("localhost");
  }();
  return name;
}

std::string_view pid(const Operand&, Exchange& exchange) {
  return number_text(static_cast<uint64_t>(::getpid()), exchange.arena);
}

std::string_view version(const Operand&, Exchange&) { return PYLON_VERSION; }

std::string_view connection(const Operand&, Exchange& exchange) {
  return number_text(exchange.connection_id, exchange.arena);
}

std::string_view connection_requests(const Operand&, Exchange& exchange) {
  return number_text(exchange.connection_requests, exchange.arena);
}

std::string_view pipe(const Operand&, Exchange&) { return "."; }

std::string_view proxy_add_x_forwarded_for(const Operand&, Exchange& exchange) {
  static constexpr Operand kField{"x_forwarded_for", http::FieldId::x_forwarded_for};
  std::string_view client = peer_address(exchange.client, exchange.arena);
  std::string_view before = joined_field(exchange.request.fields, kField, exchange.arena);
  return before.data() == nullptr ? client : exchange.arena.join(before, ", ", client);
}

}  // namespace

std::span<const Named> connection_variables() {
  static constexpr Named kVariables[] = {
      {"remote_addr", remote_addr},
      {"remote_port", remote_port},
      {"realip_remote_addr", realip_remote_addr},
      {"realip_remote_port", realip_remote_port},
      {"proxy_protocol_addr", proxy_protocol_addr},
      {"proxy_protocol_port", proxy_protocol_port},
      {"proxy_protocol_server_addr", proxy_protocol_server_addr},
      {"proxy_protocol_server_port", proxy_protocol_server_port},
      {"binary_remote_addr", binary_remote_addr},
      {"server_addr", server_addr},
      {"server_port", server_port},
      {"server_name", server_name},
      {"hostname", hostname},
      {"pid", pid},
      {"nginx_version", version},
      {"connection", connection},
      {"connection_requests", connection_requests},
      {"pipe", pipe},
      {"proxy_add_x_forwarded_for", proxy_add_x_forwarded_for},
  };
  return kVariables;
}

}  // namespace pylon::expr
