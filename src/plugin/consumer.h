// What auth plugins do with the consumer they found.
#pragma once

#include <string_view>

namespace pylon::config {
struct Credential;
}  // namespace pylon::config
namespace pylon::http {
struct Exchange;
}

namespace pylon::plugin {

// Removes what only the gateway may say about the consumer: X-Consumer-Username,
// X-Credential-Identifier, X-Consumer-Custom-ID. Every auth plugin does this first.
void strip_identity(http::Exchange& exchange);

// The request is this consumer's from now on; the upstream is told by the fields above.
void attach_consumer(http::Exchange& exchange, const config::Credential& credential);

// It is that of the consumer of this name, who has shown nothing (`anonymous_consumer` of an auth
// plugin). False: there is none; the error log says so.
bool attach_anonymous(http::Exchange& exchange, std::string_view plugin, std::string_view name);

}  // namespace pylon::plugin
