// X-APISIX-Upstream-Status of an answer.
#pragma once

#include "http/exchange.h"

namespace pylon::proxy {

// The status of each attempt, as $upstream_status tells them: "502, 200". Only with an attempt.
void tell_upstream_status(http::Exchange& exchange);

}  // namespace pylon::proxy
