// Environment variables, and texts that stand for them: ${{NAME}} and ${{NAME:=default}}.
// Source: APISIX docs, "Using environment variables" of the deployment modes.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace pylon {

// The value of an environment variable, or nothing.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
Environment process_environment();

struct Substituted {
  std::string text;
  bool any = false;
  std::string missing;  // name of a variable that is not set and has no default
};

// Blanks around name and default do not count. What only looks like a variable stays as it is.
Substituted substitute(std::string_view text, const Environment& environment);

// A value made of variables is a number or a flag when it looks like one.
Json typed_value(std::string text);

// Substitutes in every text and every member's name of a parsed value. Gives back the name of a
// variable that is missing.
std::optional<std::string> substitute_in(Json& value, const Environment& environment);

}  // namespace pylon
