// AWS Secrets Manager: what to ask (GetSecretValue, signed), and what the answer says.
// Source: AWS General Reference, "Signature Version 4"; Secrets Manager API; APISIX 3.18
// secret/aws.lua.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/environment.h"
#include "base/result.h"
#include "base/secret.h"
#include "config/secret_manager.h"

namespace pylon::gateway {

struct AwsQuestion {
  bool https = true;
  std::string host;                                         // IPv6 without brackets
  uint16_t port = 0;                                        // 0: the scheme's
  std::vector<std::pair<std::string, std::string>> fields;  // with the signature
  std::string body;
};
// For the secret of that name. Credentials may be $env:// references. `now_s`: since the epoch.
Result<AwsQuestion> aws_question(const config::AwsSecret& manager, std::string_view name,
                                 int64_t now_s, const Environment& environment);

struct AwsAnswer {
  bool not_found = false;  // there is no secret of that name
  std::string fault;       // empty: `value` is there
  Secret value = {};
};
AwsAnswer read_aws_answer(int status, std::string_view body);

// A member of the JSON object that a secret's value is.
Result<Secret> member_of(const Secret& value, std::string_view member);

}  // namespace pylon::gateway
