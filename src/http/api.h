// ApiRequest, ApiResponse: whole small messages, for the servers that the gateway itself answers
// (Admin API, Control API, metrics). Buffered and owned: this is not the proxy's path.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "async/task.h"
#include "base/ip.h"

namespace pylon::http {

struct ApiRequest {
  std::string method;                                       // "GET"
  std::string path;                                         // normalised, decoded
  std::string query;                                        // after '?', as sent
  std::vector<std::pair<std::string, std::string>> fields;  // in order, names as sent
  std::string body;                                         // at most the server's limit
  bool body_too_large = false;  // then `body` is empty and `body_bytes` tells the size if known
  uint64_t body_bytes = 0;
  IpAddress remote;

  // The first field of that name in any case; empty when absent.
  std::string_view field(std::string_view name) const;
  // The first `name=value` of the query, percent-decoded; false when absent.
  bool argument(std::string_view name, std::string& value) const;
};

// Octets of an answer that is made while it is sent: a long one is never held as a whole.
class ApiPieces {
 public:
  virtual ~ApiPieces() = default;
  // The next ones, which the client has room for; empty: that was all. Nothing: it cannot go on,
  // and the client shall see that the answer is cut short.
  virtual async::Task<std::optional<std::string>> next() = 0;
};

struct ApiResponse {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> fields;  // Content-Length is added
  std::string body;
  // What comes behind `body`, without a Content-Length; null: nothing.
  std::shared_ptr<ApiPieces> rest = nullptr;
};

// Answers one request, on the control thread's loop. The request outlives the task.
using ApiHandler = std::function<async::Task<ApiResponse>(const ApiRequest&)>;

}  // namespace pylon::http
