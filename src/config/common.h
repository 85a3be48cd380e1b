// What several resources share: ids, labels, plugins, timeouts, methods. Source: APISIX 3.18
// schema_def.lua; the schema fragments keep its limits and its looseness.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "base/json.h"
#include "schema/fields.h"
#include "schema/value_types.h"

namespace pylon::config {

using schema::each;
using schema::field;
using schema::ignored;

// "my-route" or 12: kept as text.
constexpr std::string_view kId =
    R"({"anyOf":[{"type":"string","minLength":1,"maxLength":64,"pattern":"^[a-zA-Z0-9-_.]+$"},)"
    R"({"type":"integer","minimum":1}]})";
constexpr std::string_view kHostPattern = R"(^\*$|^\*?[0-9a-zA-Z-._\[\]:]+$)";
constexpr std::string_view kHost =
    R"({"type":"string","pattern":"^\\*$|^\\*?[0-9a-zA-Z-._\\[\\]:]+$"})";
constexpr std::string_view kLabels =
    R"({"description":"key/value pairs to specify attributes","type":"object","patternProperties":)"
    R"({".*":{"description":"value of label","type":"string","pattern":"^\\S+$",)"
    R"("maxLength":256,"minLength":1}}})";
constexpr std::string_view kDescription = R"({"type":"string","maxLength":256})";
constexpr std::string_view kTimestamp = R"({"type":"integer"})";
constexpr std::string_view kScript = R"({"type":"string","minLength":10,"maxLength":102400})";
constexpr std::string_view kUriPattern = R"(^[^\/]+:\/\/([\da-zA-Z.-]+|\[[\da-fA-F:]+\])(:\d+)?)";

using Labels = std::vector<std::pair<std::string, std::string>>;
// By plugin name, in the order written. The value is the plugin's own configuration.
using Plugins = std::vector<std::pair<std::string, Json>>;
constexpr std::string_view kPlugins = R"({"type":"object"})";

constexpr auto name_field(auto member) {
  return field("name", member, "A name for people.").length(1, 256);
}
constexpr auto labels_field(auto member) {
  return field("labels", member, "Key/value pairs that say more about it.").fragment(kLabels);
}
constexpr auto id_field(auto member) {
  return field("id", member, "Identity among its kind.").fragment(kId);
}
constexpr auto plugins_field(auto member) {
  return field("plugins", member, "Plugins by name.").fragment(kPlugins);
}
constexpr auto kDescriptionField = ignored("desc", kDescription, "What it is for.");
constexpr auto kCreateTimeField = ignored("create_time", kTimestamp, "Set by the Admin API.");
constexpr auto kUpdateTimeField = ignored("update_time", kTimestamp, "Set by the Admin API.");

// The request methods that a route names, as a set.
enum class Method : uint8_t { get, post, put, del, patch, head, options, connect, trace, purge };

class MethodSet {
 public:
  static constexpr std::string_view kNames[] = {"GET",  "POST",    "PUT",     "DELETE", "PATCH",
                                                "HEAD", "OPTIONS", "CONNECT", "TRACE",  "PURGE"};

  void add(Method method) { bits_ = static_cast<uint16_t>(bits_ | bit(method)); }
  bool contains(Method method) const { return (bits_ & bit(method)) != 0; }
  bool empty() const { return bits_ == 0; }  // an empty set in a route means any method
  uint16_t bits() const { return bits_; }

  // None for a method that no route can name.
  static std::optional<Method> method_of(std::string_view name);

  bool operator==(const MethodSet&) const = default;

 private:
  static uint16_t bit(Method method) {
    return static_cast<uint16_t>(1u << static_cast<unsigned>(method));
  }
  uint16_t bits_ = 0;
};

// Seconds, fractions allowed; each must be given.
struct Timeout {
  double connect = 60;
  double send = 60;
  double read = 60;

  static constexpr auto fields = std::tuple{
      field("connect", &Timeout::connect, "Seconds to connect.").required().greater_than(0),
      field("send", &Timeout::send, "Seconds between two writes.").required().greater_than(0),
      field("read", &Timeout::read, "Seconds between two reads.").required().greater_than(0)};
};

}  // namespace pylon::config

namespace pylon::schema {

template <>
struct CustomType<config::MethodSet> {
  static constexpr std::string_view fragment =
      R"({"type":"array","items":{"description":"HTTP method","type":"string","enum":["GET",)"
      R"("POST","PUT","DELETE","PATCH","HEAD","OPTIONS","CONNECT","TRACE","PURGE"]},)"
      R"("uniqueItems":true})";
  static Result<config::MethodSet> read(const Json& from);
  static Json write(const config::MethodSet& value);
};

}  // namespace pylon::schema
