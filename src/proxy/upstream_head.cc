#include "proxy/upstream_head.h"

#include "http/h1/head_writer.h"
#include "http/h1/message.h"
#include "http/uri.h"
#include "plugin/forward_policy.h"

namespace pylon::proxy {
namespace {

using http::FieldId;
using http::h1::Framing;

constexpr size_t kHeadRoom = 512;  // beside fields and uri: addresses, names and numbers of our own
constexpr uint64_t kOurs =
    http::h1::kHopByHop | http::h1::field_set({FieldId::host, FieldId::content_length,
                                               FieldId::x_real_ip, FieldId::x_forwarded_for});

// Dot segments, plain or escaped, may stand in it: the upstream must get the resolved path.
bool may_have_dot_segments(std::string_view raw) {
  size_t path_end = raw.find('?');
  std::string_view path = raw.substr(0, path_end);
  if (path.find("/.") != std::string_view::npos) return true;
  for (size_t at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 1)) {
    if (path.substr(at).starts_with("%2e") || path.substr(at).starts_with("%2E")) return true;
  }
  return false;
}

// What follows the method: the plugins' uri; else as received, unless router and upstream could
// read that differently.
std::string_view target_of(http::Exchange& exchange) {
  if (exchange.forward.uri.data() != nullptr) return exchange.forward.uri;
  const http::Request& request = exchange.request;
  std::string_view raw = exchange.forward.raw;
  if (raw.empty()) return request.uri;
  if (request.uri.data() == raw.data()) return raw;  // nothing had to be resolved
  if (request.uri == "*") return request.uri;
  if (!may_have_dot_segments(raw)) return raw;
  std::string_view path = http::encode_uri(request.uri, exchange.arena);
  if (!request.has_args) return path;
  return exchange.arena.join(path, "?", request.args);
}

std::string_view host_of(const http::Exchange& exchange, const upstream::Upstream& upstream,
                         const upstream::Pick& pick) {
  if (exchange.forward.host.data() != nullptr) return exchange.forward.host;
  switch (upstream.pass_host) {
    case config::PassHost::node:
      return pick.node->host_field;
    case config::PassHost::rewrite:
      return upstream.upstream_host;
    case config::PassHost::pass:
      break;
  }
  std::string_view host = exchange.request.fields.get(FieldId::host);
  return host.empty() ? std::string_view(pick.node->host_field) : host;
}

void write_hops(http::h1::HeadWriter& head, const http::Fields& fields) {
  for (const http::Field& field : fields) {
    if (field.id == FieldId::x_forwarded_for && !field.removed()) {
      head.text(field.value()).text(", ");
    }
  }
}

// How the client asked, unless it told so itself and is believed, or a plugin took the field away.
void write_forwarded(http::h1::HeadWriter& head, const http::Exchange& exchange) {
  const http::Request& request = exchange.request;
  uint64_t settled = request.fields.present() | exchange.forward.left_out;
  auto is_ours = [&](FieldId id) { return (settled & http::h1::field_set({id})) == 0; };
  head.field("X-Real-IP", exchange.client.text);
  head.text("X-Forwarded-For: ");
  if (request.fields.has(FieldId::x_forwarded_for)) write_hops(head, request.fields);
  head.text(exchange.client.text).text("\r\n");
  if (is_ours(FieldId::x_forwarded_proto)) {
    head.field("X-Forwarded-Proto", request.https ? "https" : "http");
  }
  if (!request.host.empty() && is_ours(FieldId::x_forwarded_host)) {
    head.field("X-Forwarded-Host", http::host_text(request));
  }
  if (is_ours(FieldId::x_forwarded_port)) {
    uint16_t port = request.port != 0 ? request.port : exchange.server_port;
    head.text("X-Forwarded-Port: ").number(port).text("\r\n");
  }
}

}  // namespace

bool tells_client(const http::Exchange& exchange) {
  return exchange.forward_policy == nullptr || exchange.forward_policy->tells_client;
}

void name_target(http::Exchange& exchange, const upstream::Upstream& upstream,
                 const upstream::Pick& pick) {
  http::UpstreamTrace& trace = exchange.upstream;
  trace.scheme = upstream::scheme_name(upstream.scheme);
  trace.host = host_of(exchange, upstream, pick);
  if (trace.uri.data() == nullptr) trace.uri = target_of(exchange);
  trace.node_ip = pick.endpoint().ip_text();
  trace.node_port = pick.endpoint().identity().port;
}

Framing upstream_framing(const http::Exchange& exchange, int64_t length) {
  if (!exchange.has_body) return Framing::none;
  return length >= 0 ? Framing::length : Framing::chunked;
}

std::string_view write_upstream_head(http::Exchange& exchange, int64_t length, bool upgrade) {
  const http::Request& request = exchange.request;
  const http::UpstreamTrace& trace = exchange.upstream;
  std::string_view method =
      exchange.forward.method.empty() ? request.method_text : exchange.forward.method;
  http::h1::HeadWriter head(request.fields.line_octets() + trace.uri.size() + trace.host.size() +
                            request.host.size() + method.size() + kHeadRoom);
  head.text(method).text(" ").text(trace.uri).text(" HTTP/1.1\r\n");
  head.field("Host", trace.host);
  head.fields(request.fields, kOurs);
  if (tells_client(exchange)) write_forwarded(head, exchange);
  switch (upstream_framing(exchange, length)) {
    case Framing::length:
      head.text("Content-Length: ").number(static_cast<uint64_t>(length)).text("\r\n");
      break;
    case Framing::chunked:
      head.text("Transfer-Encoding: chunked\r\n");
      break;
    default:
      break;
  }
  if (upgrade) {
    head.text("Connection: upgrade\r\n");
    head.field("Upgrade", request.fields.get(FieldId::upgrade));
  }
  return head.text("\r\n").written();
}

}  // namespace pylon::proxy
