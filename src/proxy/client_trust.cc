#include "proxy/client_trust.h"

#include <algorithm>

#include "base/strings.h"
#include "http/exchange.h"
#include "tls/stream.h"

namespace pylon::proxy {
namespace {

using tls::PeerVerdict;

std::string_view without_dot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

bool is_exempt(const tls::ClientDemand& demand, std::string_view path) {
  return std::any_of(demand.exempt_paths.begin(), demand.exempt_paths.end(),
                     [&](const Regex& regex) { return regex.matches(path); });
}

const char* complaint_about(PeerVerdict verdict) {
  return verdict == PeerVerdict::none ? "client certificate was not present"
                                      : "client certificate verification is not passed: FAILED";
}

uint16_t refuse(http::Exchange& exchange, const char* reason) {
  exchange.refusal_reason = reason;
  return 400;
}

}  // namespace

uint16_t check_client_trust(http::Exchange& exchange, const snapshot::Certificates& certificates,
                            const Options& options) {
  if (exchange.tls == nullptr || certificates.demanding == 0) return 0;
  std::string_view sent = exchange.tls->agreed().server_name;
  std::string name = to_lower(without_dot(sent.empty() ? options.fallback_server_name : sent));
  PeerVerdict verdict = exchange.tls->agreed().verdict();
  auto demand_of = [&](std::string_view of) {
    const tls::ServerIdentity* identity = certificates.server(of);
    return identity != nullptr ? identity->client.get() : nullptr;
  };
  const tls::ClientDemand* demand = demand_of(name);
  if (demand != nullptr && verdict != PeerVerdict::verified &&
      !is_exempt(*demand, exchange.request.uri)) {
    return refuse(exchange, complaint_about(verdict));
  }
  std::string_view host = without_dot(exchange.request.host);
  if (host == name || demand_of(host) == nullptr) return 0;
  return refuse(exchange, "client certificate verified with another SNI than the host");
}

}  // namespace pylon::proxy
