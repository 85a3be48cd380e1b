#include "proxy/intake.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"
#include "http/downstream.h"
#include "http/uri.h"

namespace pylon::proxy {
namespace {

using http::FieldId;

// What cannot be understood ends the connection: nothing behind it can be trusted.
uint16_t refuse(http::Exchange& exchange, uint16_t status, const char* reason) {
  exchange.refusal_reason = reason;
  if (exchange.downstream != nullptr) exchange.downstream->close_after_answer();
  return status;
}

// The target with `***` for user information in its authority: logs show it.
std::string_view without_secret(std::string_view target, Arena& arena) {
  size_t scheme = target.find("://");
  size_t start = scheme == std::string_view::npos ? 0 : scheme + 3;
  size_t end = std::min(target.find_first_of("/?#", start), target.size());
  size_t at = target.substr(0, end).rfind('@');
  if (at == std::string_view::npos || at < start) return target;
  return arena.join(target.substr(0, start), "***", target.substr(at));
}

uint16_t take_uri(http::Exchange& exchange, const Options& options, http::Uri& uri) {
  http::Request& request = exchange.request;
  http::UriError error =
      http::parse_target(request.target, request.method, options.uri, exchange.arena, uri);
  if (error != http::UriError::none) {
    request.target = without_secret(request.target, exchange.arena);
    return refuse(exchange, 400, http::describe(error).data());
  }
  // CONNECT has no path: routes see "/" of its host.
  if (uri.form == http::TargetForm::authority) uri.path = "/";
  request.uri = uri.path;
  request.match_uri = uri.match_path;
  request.args = uri.args;
  request.has_args = uri.has_args;
  return 0;
}

// RFC 9112 3.2.2: an absolute target's authority replaces the Host field.
uint16_t take_host(http::Exchange& exchange, const http::Uri& uri) {
  http::Request& request = exchange.request;
  http::Authority authority = uri.authority;
  if (request.fields.has(FieldId::host)) {
    std::string_view host = request.fields.get(FieldId::host);
    http::Authority named;
    bool valid = http::parse_authority(host, exchange.arena, named);
    bool may_be_empty = uri.form == http::TargetForm::absolute && host.empty();
    if (!valid && !may_be_empty) return refuse(exchange, 400, "invalid Host");
    if (authority.host.empty()) authority = named;
  }
  request.host = authority.host;
  request.port = authority.port;
  if (uri.form == http::TargetForm::absolute) {
    std::string_view text = authority.host;
    if (authority.port != 0) {
      text = exchange.arena.join(text, ":", exchange.arena.copy(std::to_string(authority.port)));
    }
    request.fields.set(FieldId::host, text);
  }
  return 0;
}

// The address that a believed peer names: the last of the list, since that is what the peer itself
// added; or, recursively, the last one that is not believed either.
std::optional<IpAddress> named_client(std::string_view list, const Options& options) {
  std::optional<IpAddress> named;
  for (;;) {
    size_t comma = list.rfind(',');
    std::string_view last = comma == std::string_view::npos ? list : list.substr(comma + 1);
    std::optional<IpAddress> address = IpAddress::parse(trim(last));
    if (!address) return named;
    named = address;
    bool more = options.real_ip_recursive && comma != std::string_view::npos;
    if (!more || !options.real_ip_from.contains(*address)) return named;
    list = list.substr(0, comma);
  }
}

// nginx's realip: a believed peer names the client. Behind the PROXY protocol the peer is whom it
// named: that one wrote the fields.
void take_real_ip(http::Exchange& exchange, const Options& options) {
  std::string_view value = options.real_ip_field.of(exchange.request.fields);
  if (value.empty() || !options.real_ip_from.contains(exchange.client.address)) return;
  std::optional<IpAddress> address = named_client(value, options);
  if (!address) return;
  char text[IpAddress::kMaxText];
  exchange.client = {*address, 0, exchange.arena.copy(address->to_text(text))};
}

// Claims of peers that are not trusted are dropped. X-Forwarded-For is kept (and appended to) as
// long as trusted_addresses is not configured, as in APISIX.
void drop_claims(http::Exchange& exchange, const IpAddress& peer, const Options& options) {
  constexpr uint64_t kClaims = uint64_t{1} << static_cast<int>(FieldId::x_forwarded_for) |
                               uint64_t{1} << static_cast<int>(FieldId::x_forwarded_proto) |
                               uint64_t{1} << static_cast<int>(FieldId::x_forwarded_host) |
                               uint64_t{1} << static_cast<int>(FieldId::x_forwarded_port) |
                               uint64_t{1} << static_cast<int>(FieldId::forwarded);
  http::Fields& fields = exchange.request.fields;
  if ((fields.present() & kClaims) == 0) return;
  if (options.trusted_addresses.contains(peer)) return;
  fields.remove(FieldId::x_forwarded_proto);
  fields.remove(FieldId::x_forwarded_host);
  fields.remove(FieldId::x_forwarded_port);
  fields.remove(FieldId::forwarded);
  if (options.has_trusted_addresses) fields.remove(FieldId::x_forwarded_for);
}

// RFC 9110 7.6.2: TRACE and OPTIONS count the hops; at zero this is the last one.
uint16_t count_hop(http::Exchange& exchange) {
  http::Request& request = exchange.request;
  bool counted = request.method == http::Method::trace || request.method == http::Method::options;
  if (!counted || !request.fields.has(FieldId::max_forwards)) return 0;
  std::optional<int64_t> hops = parse_int(request.fields.get(FieldId::max_forwards));
  if (!hops || *hops < 0) return refuse(exchange, 400, "invalid Max-Forwards");
  if (*hops == 0) {
    exchange.refusal_reason = "Max-Forwards is used up";
    return request.method == http::Method::trace ? 405 : 200;
  }
  request.fields.set(FieldId::max_forwards, exchange.arena.copy(std::to_string(*hops - 1)));
  return 0;
}

}  // namespace

uint16_t take_in(http::Exchange& exchange, const Options& options) {
  http::Uri uri;
  uint16_t refused = take_uri(exchange, options, uri);
  if (refused == 0) refused = take_host(exchange, uri);
  if (refused != 0) return refused;
  IpAddress peer = exchange.client.address;
  take_real_ip(exchange, options);
  drop_claims(exchange, peer, options);
  exchange.forward.raw = uri.raw;
  return count_hop(exchange);
}

}  // namespace pylon::proxy
