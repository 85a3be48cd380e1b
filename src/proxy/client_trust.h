// Whether a client has shown the certificate that its request needs. Source: APISIX 3.18 docs
// mtls.md, init.lua verify_https_client.
#pragma once

#include <cstdint>

#include "proxy/options.h"
#include "snapshot/certificates.h"

namespace pylon::http {
struct Exchange;
}

namespace pylon::proxy {

// 0, or the status to refuse with. A client proves itself to the server name of its handshake: a
// Host whose ssl object demands certificates must be that name.
uint16_t check_client_trust(http::Exchange& exchange, const snapshot::Certificates& certificates,
                            const Options& options);

}  // namespace pylon::proxy
