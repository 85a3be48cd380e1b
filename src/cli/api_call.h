// One call to the Admin or Control API of the gateway that runs on a prefix. Blocks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "gateway/settings.h"

namespace pylon::cli {

struct ApiCall {
  std::string method = "GET";
  std::string path;  // with the query
  std::vector<std::pair<std::string, std::string>> fields = {};
  std::string body = {};
};

struct ApiReply {
  int status = 0;
  std::string body;

  // What the body says is wrong: its error_msg, or all of it.
  std::string fault() const;
};

// The key of the first administrator goes along. The error says what to do.
Result<ApiReply> call_admin(const gateway::Settings& settings, ApiCall call);
Result<ApiReply> call_control(const gateway::Settings& settings, const ApiCall& call);

// The value of a successful reply.
Result<Json> value_of(const Result<ApiReply>& reply);

// A member of it; empty or 0 when there is none.
std::string text_of(const Json& value, std::string_view name);
int64_t number_of(const Json& value, std::string_view name);

}  // namespace pylon::cli
