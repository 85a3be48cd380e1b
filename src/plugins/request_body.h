// The whole request body, for plugins that look at it or put another in its place.
#pragma once

#include <cstdint>
#include <string_view>

#include "plugin/plugin.h"

namespace pylon::plugins {

// Reads it into exchange.body, unless somebody did; the upstream still gets it, as a body of known
// length. Refuses with 413 what is longer than `limit` octets, and what cannot be understood with
// the status that says so.
plugin::Task<plugin::Verdict> read_whole_body(http::Exchange& exchange, int64_t limit);

// The upstream gets these octets instead, which live as long as the exchange. Only after the body
// was read whole.
void put_request_body(http::Exchange& exchange, std::string_view octets);

}  // namespace pylon::plugins
