// What auth plugins do with the consumer they found.
#pragma once

namespace pylon::config {
struct Credential;
struct KnownConsumer;
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
void attach_consumer(http::Exchange& exchange, const config::KnownConsumer& anonymous);

}  // namespace pylon::plugin
