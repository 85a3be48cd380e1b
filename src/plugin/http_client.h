// HttpClient: asks another HTTP service on behalf of a plugin. One per worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tl/expected.hpp>

#include "async/task.h"
#include "http/fields.h"

namespace pylon::plugin {

// All views must live until the answer is there. Host and Content-Length are added when absent.
struct ClientRequest {
  explicit ClientRequest(Arena& memory) : fields(memory) {}

  std::string_view method = "GET";
  bool https = false;
  std::string_view host;          // name or address; IPv6 without brackets
  uint16_t port = 0;              // 0: the scheme's
  std::string_view target = "/";  // path and query, encoded
  http::Fields fields;
  std::string_view body;
  int64_t timeout_ms = 3000;  // for the whole exchange
  bool ssl_verify = true;
  bool keepalive = true;
  int64_t keepalive_timeout_ms = 60'000;
  int keepalive_pool = 5;  // idle connections kept to that service
  size_t max_body_bytes = 1 << 20;
};

// Lives in the arena of the request's fields.
struct ClientResponse {
  explicit ClientResponse(Arena& memory) : fields(memory) {}

  int status = 0;
  http::Fields fields;
  std::string_view body;
};

struct ClientFailure {
  enum class Kind : uint8_t { resolve, connect, tls, timeout, protocol, too_large };
  Kind kind = Kind::connect;
  std::string_view text;  // static: "connection refused"
};

using ClientResult = tl::expected<ClientResponse, ClientFailure>;

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  virtual async::Task<ClientResult> send(const ClientRequest& request) = 0;
};

}  // namespace pylon::plugin
