// The request head as the upstream gets it.
//
// Host by pass_host, X-Real-IP and X-Forwarded-* as APISIX sends them, hop-by-hop fields left out,
// framing of our own. Source: RFC 9110 7.6, APISIX's nginx template.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "http/exchange.h"
#include "http/h1/body_decoder.h"
#include "http/upstream_side.h"
#include "upstream/balancer.h"
#include "upstream/upstream.h"

namespace pylon::proxy {

// Whether the node is to know who asks: a forward proxy may keep that to itself.
bool tells_client(const http::Exchange& exchange);

// Sets exchange.upstream.{host,uri,scheme,node_ip,node_port} for this node, before the before_proxy
// phase, so that plugins and variables see them.
void name_target(http::Exchange& exchange, const upstream::Upstream& upstream,
                 const upstream::Pick& pick);

// How the body travels: known length, chunked, or none.
http::h1::Framing upstream_framing(const http::Exchange& exchange, int64_t length);

// The head in the thread's head buffer: send it before anything else is written. `length`: of the
// body, -1 when it is not known.
std::string_view write_upstream_head(http::Exchange& exchange, int64_t length, bool upgrade);

// The same as field lines of HTTP/2, in the exchange's arena.
std::span<const http::RequestLine> upstream_lines(http::Exchange& exchange, int64_t length);

}  // namespace pylon::proxy
