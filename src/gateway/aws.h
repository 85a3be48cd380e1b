// AWS Secrets Manager: what to ask (GetSecretValue, signed), and what the answer says.
// Source: AWS General Reference, "Signature Version 4"; Secrets Manager API; APISIX 3.18
// secret/aws.lua.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/secret_manager.h"
#include "gateway/secret_question.h"

namespace pylon::gateway {

// For the secret of that name. Credentials may be $env:// references. `now_s`: since the epoch.
Result<SecretQuestion> aws_question(const config::AwsSecret& manager, std::string_view name,
                                    int64_t now_s, const Environment& environment);

struct AwsAnswer {
  bool not_found = false;  // there is no secret of that name
  std::string fault;       // empty: `value` is there
  Secret value = {};
};
AwsAnswer read_aws_answer(int status, std::string_view body);

}  // namespace pylon::gateway
