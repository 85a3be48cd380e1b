// GCP Secret Manager: a service account's signed assertion is exchanged for a token, and the token
// opens secrets. What to ask, and what the answers say.
// Source: Google Identity, "Using OAuth 2.0 for Server to Server Applications"; RFC 7523 2.1;
// Secret Manager API, projects.secrets.versions.access; APISIX 3.18 secret/gcp.lua.
#pragma once

#include <cstdint>
#include <string_view>

#include "config/secret_manager.h"
#include "gateway/secret_question.h"

namespace pylon::gateway {

// The service account of a manager: its auth_config, or what stands in its auth_file (the file that
// Google hands out). client_email, private_key and project_id may be $env:// references.
Result<config::GcpAuth> gcp_account(const config::GcpSecret& manager,
                                    const Environment& environment);

// Asks token_uri for a token, with an assertion signed by the account's key (RS256), good for an
// hour from `now_s`, seconds since the epoch.
Result<SecretQuestion> gcp_token_question(const config::GcpAuth& account, int64_t now_s);

struct GcpToken {
  Secret authorization;  // "Bearer ..."
  int64_t expires_s = 0;
};
Result<GcpToken> read_gcp_token(int status, std::string_view body, int64_t now_s);

// Asks entries_uri for the newest version of a secret.
Result<SecretQuestion> gcp_question(const config::GcpAuth& account, std::string_view name,
                                    const GcpToken& token);

// The whole secret, and its members if it is a JSON object.
Result<SecretMembers> read_gcp_answer(int status, std::string_view body);

}  // namespace pylon::gateway
