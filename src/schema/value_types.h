// Schema types of base's values, so that a configuration can hold them directly.
#pragma once

#include "base/ip.h"
#include "base/regex.h"
#include "base/secret.h"
#include "schema/fields.h"

namespace pylon::schema {

// An IPv4 or IPv6 address or block, as text.
template <>
struct CustomType<Cidr> {
  static const std::string_view fragment;
  static Result<Cidr> read(const Json& from);
  static Json write(const Cidr& value);
};

// A string that is stored encrypted and never printed.
template <>
struct CustomType<Secret> {
  static constexpr std::string_view fragment = R"({"type":"string"})";
  static constexpr bool secret = true;
  static Result<Secret> read(const Json& from);
  static Json write(const Secret& value);
};

// A regular expression, compiled once.
template <>
struct CustomType<Regex> {
  static constexpr std::string_view fragment = R"({"type":"string"})";
  static Result<Regex> read(const Json& from);
  static Json write(const Regex& value);
};

}  // namespace pylon::schema
