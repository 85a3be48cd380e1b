// LogEntry: what a plugin logs of a request or session, as its log_format says: an object whose
// texts "$name" are variables, other values stay. Source: APISIX docs, "log_format" of the loggers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "expr/variable.h"
#include "schema/fields.h"

namespace pylon::plugins {

class LogEntry {
 public:
  static constexpr int kDeepest = 5;  // objects within objects; what lies deeper is left empty

  LogEntry() = default;
  explicit LogEntry(const Json& format);

  bool empty() const { return members_.empty(); }
  const Json& format() const { return format_; }

  // Appends the object as JSON, with route_id and service_id; absent variables are left out.
  void write(http::Exchange& exchange, std::string& out) const;

 private:
  struct Member {
    std::string key;   // as JSON
    std::string text;  // the value as JSON, unless it is one of:
    bool varies = false;
    expr::Variable variable;
    bool nests = false;
    std::vector<Member> members;
  };

  static std::vector<Member> compile(const Json& format, int depth);
  static void write(const std::vector<Member>& members, http::Exchange& exchange, std::string& out);

  Json format_;
  std::vector<Member> members_;
};

}  // namespace pylon::plugins

template <>
struct pylon::schema::CustomType<pylon::plugins::LogEntry> {
  static constexpr std::string_view fragment = R"({"type":"object"})";
  static Result<plugins::LogEntry> read(const Json& from) { return plugins::LogEntry(from); }
  static Json write(const plugins::LogEntry& value) { return value.format(); }
};
