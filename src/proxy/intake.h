// Intake: what is settled about a request before anybody else looks at it: its normalised uri, its
// host, who the client is, and which forwarded-for claims are believed.
#pragma once

#include <cstdint>

#include "http/exchange.h"
#include "proxy/options.h"

namespace pylon::proxy {

// Fills request.uri, args, host, port, match_uri and client. Returns 0, or the status of a refusal
// with exchange.refusal_reason set. Without a downstream when nobody sent the request. Source: RFC
// 9112 3.2, APISIX "trusted_addresses".
uint16_t take_in(http::Exchange& exchange, const Options& options);

}  // namespace pylon::proxy
