// Credentials of the scheme Basic: what a request shows, and what a consumer has. RFC 7617.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "base/arena.h"
#include "base/secret.h"
#include "schema/fields.h"
#include "schema/value_types.h"

namespace pylon::plugins {

inline constexpr std::string_view kBasicAuth = "basic-auth";

// What a consumer or credential carries for the plugin basic-auth.
struct BasicAuthConsumer {
  std::string username;
  Secret password;

  static constexpr auto fields = std::tuple{
      schema::field("username", &BasicAuthConsumer::username, "The name that is given.").required(),
      schema::field("password", &BasicAuthConsumer::password, "The password that proves it.")
          .required()
          .encrypted()};
  static constexpr auto rules = schema::schema_fragment(R"({"title":"work with consumer object"})");
};

struct BasicCredentials {
  std::string_view username;
  std::string_view password;  // may hold colons
};

// Of an Authorization or Proxy-Authorization field, in the arena; nothing: another scheme, or
// malformed.
std::optional<BasicCredentials> read_basic_credentials(std::string_view value, Arena& arena);

}  // namespace pylon::plugins
