// The request head as an HTTP/2 upstream gets it.
#include <span>
#include <string>

#include "http/h1/message.h"
#include "http/h2/response_lines.h"
#include "proxy/upstream_head.h"

namespace pylon::proxy {
namespace {

using http::FieldId;
using http::RequestLine;

constexpr size_t kOurLines = 12;
constexpr uint64_t kReplaced =
    http::h1::kHopByHop | http::h1::field_set({FieldId::host, FieldId::content_length,
                                               FieldId::x_real_ip, FieldId::x_forwarded_for});

class Lines {
 public:
  Lines(Arena& arena, size_t room) : start_(arena.make_array<RequestLine>(room)) {}
  void add(std::string_view name, std::string_view value) { start_[count_++] = {name, value}; }
  std::span<const RequestLine> all() const { return {start_, count_}; }

 private:
  RequestLine* start_;
  size_t count_ = 0;
};

// The chain of addresses, with the client's at the end.
std::string_view forwarded_for(http::Exchange& exchange) {
  std::string_view chain;
  for (const http::Field& field : exchange.request.fields) {
    if (field.id != FieldId::x_forwarded_for || field.removed()) continue;
    chain = exchange.arena.join(chain, field.value(), ", ");
  }
  return exchange.arena.join(chain, exchange.client.text);
}

void add_forwarded(http::Exchange& exchange, Lines& lines) {
  const http::Request& request = exchange.request;
  uint64_t settled = request.fields.present() | exchange.forward.left_out;
  auto is_ours = [&](FieldId id) { return (settled & http::h1::field_set({id})) == 0; };
  lines.add("x-real-ip", exchange.client.text);
  lines.add("x-forwarded-for", forwarded_for(exchange));
  if (is_ours(FieldId::x_forwarded_proto)) {
    lines.add("x-forwarded-proto", request.https ? "https" : "http");
  }
  if (!request.host.empty() && is_ours(FieldId::x_forwarded_host)) {
    lines.add("x-forwarded-host", http::host_text(request));
  }
  if (is_ours(FieldId::x_forwarded_port)) {
    uint16_t port = request.port != 0 ? request.port : exchange.server_port;
    lines.add("x-forwarded-port", exchange.arena.copy(std::to_string(port)));
  }
}

}  // namespace

std::span<const RequestLine> upstream_lines(http::Exchange& exchange, int64_t length) {
  const http::Request& request = exchange.request;
  const http::UpstreamTrace& trace = exchange.upstream;
  Lines lines(exchange.arena, request.fields.size() + kOurLines);
  std::string_view changed = exchange.forward.method;
  lines.add(":method", changed.empty() ? request.method_text : changed);
  lines.add(":scheme", trace.scheme == "grpcs" ? "https" : "http");
  lines.add(":path", trace.uri);
  lines.add(":authority", trace.host);
  for (const http::Field& field : request.fields) {
    if (field.removed() || http::h1::in_set(kReplaced, field.id)) continue;
    lines.add(http::h2::lower_name(field, exchange.arena), field.value());
  }
  lines.add("te", "trailers");
  add_forwarded(exchange, lines);
  if (exchange.has_body && length >= 0) {
    lines.add("content-length", exchange.arena.copy(std::to_string(length)));
  }
  return lines.all();
}

}  // namespace pylon::proxy
