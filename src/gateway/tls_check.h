// What config.yaml says about TLS, made once: that workers will be able to make the same.
#pragma once

#include <memory>

#include "base/result.h"
#include "tls/client_context.h"
#include "tls/server_context.h"

namespace pylon::gateway {

// The context that clients of our own are made with. The error names the setting.
Result<std::unique_ptr<tls::ClientContext>> check_tls(const tls::ServerOptions& server,
                                                      tls::ServerShare& share,
                                                      const tls::ClientOptions& client);

}  // namespace pylon::gateway
