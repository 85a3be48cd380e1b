// Schema types of base's values, so that a configuration can hold them directly.
#pragma once

#include <string_view>

#include "base/ip.h"
#include "base/regex.h"
#include "base/secret.h"
#include "schema/fields.h"

namespace pylon::schema {

// An IPv4 or IPv6 address or block, as text. The block forms are as loose as APISIX's; what parses
// the text has the last word.
constexpr std::string_view kAddressOrBlock =
    R"({"type":"string","anyOf":[{"title":"IPv4","type":"string","format":"ipv4"},)"
    R"({"title":"IPv4/CIDR","type":"string",)"
    R"("pattern":"^(([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])\\.){3})"
    R"(([0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])/([12]?[0-9]|3[0-2])$"},)"
    R"({"title":"IPv6","type":"string","format":"ipv6"},)"
    R"({"title":"IPv6/CIDR","type":"string",)"
    R"("pattern":"^([a-fA-F0-9]{0,4}:){1,8}(:[a-fA-F0-9]{0,4}){0,8})"
    R"(([a-fA-F0-9]{0,4})?/[0-9]{1,3}$"}]})";

template <>
struct CustomType<Cidr> {
  static constexpr std::string_view fragment = kAddressOrBlock;
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
