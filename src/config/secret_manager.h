// Secret managers: where "$secret://manager/id/key" is looked up. Source: APISIX 3.18 secret/*.lua.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "config/common.h"

namespace pylon::config {

struct VaultSecret {
  std::string uri;
  std::string prefix;
  Secret token;
  std::string namespace_name;

  static constexpr auto fields = std::tuple{
      field("uri", &VaultSecret::uri, "Address of the server.").required().pattern(kUriPattern),
      field("prefix", &VaultSecret::prefix, "Prefix of the paths.").required(),
      field("token", &VaultSecret::token, "Access token.").required(),
      field("namespace", &VaultSecret::namespace_name, "Namespace in the server.")};
};

struct AwsSecret {
  std::string access_key_id;
  Secret secret_access_key;
  Secret session_token;
  std::string region = "us-east-1";
  std::string endpoint_url;

  static constexpr auto fields = std::tuple{
      field("access_key_id", &AwsSecret::access_key_id, "Access key.").required(),
      field("secret_access_key", &AwsSecret::secret_access_key, "Its secret.").required(),
      field("session_token", &AwsSecret::session_token, "Temporary token."),
      field("region", &AwsSecret::region, "Region."),
      field("endpoint_url", &AwsSecret::endpoint_url, "Address instead of the region's.")
          .pattern(kUriPattern)};
};

struct GcpAuth {
  std::string client_email;
  Secret private_key;
  std::string project_id;
  std::string token_uri = "https://oauth2.googleapis.com/token";
  std::vector<std::string> scope{"https://www.googleapis.com/auth/cloud-platform"};
  std::string entries_uri = "https://secretmanager.googleapis.com/v1";

  static constexpr auto fields =
      std::tuple{field("client_email", &GcpAuth::client_email, "Service account.").required(),
                 field("private_key", &GcpAuth::private_key, "Its key.").required(),
                 field("project_id", &GcpAuth::project_id, "Project.").required(),
                 field("token_uri", &GcpAuth::token_uri, "Where tokens are had."),
                 field("scope", &GcpAuth::scope, "Scopes asked for."),
                 field("entries_uri", &GcpAuth::entries_uri, "Address of the secret manager.")};
};

struct GcpSecret {
  std::unique_ptr<GcpAuth> auth_config;
  bool ssl_verify = true;
  std::string auth_file;

  static constexpr auto fields =
      std::tuple{field("auth_config", &GcpSecret::auth_config, "Service account, here."),
                 field("ssl_verify", &GcpSecret::ssl_verify, "Verify the server's certificate."),
                 field("auth_file", &GcpSecret::auth_file, "Service account, in a file.")};
  static constexpr auto rules = schema::exactly_one_of("auth_config", "auth_file");
};

// Against the manager's schema. `manager`: "vault", "aws" or "gcp".
Result<void> check_secret_manager(std::string_view manager, Json& value);

}  // namespace pylon::config
