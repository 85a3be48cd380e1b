#include "plugins/log_entry.h"

#include "http/exchange.h"

namespace pylon::plugins {
namespace {

// Appends `"key":value` behind what is in the object already.
void begin_member(std::string& out, std::string_view key) {
  if (out.back() != '{') out += ',';
  out += key;
  out += ':';
}

void add_text(std::string& out, std::string_view key, std::string_view value) {
  begin_member(out, key);
  Json(std::string(value)).dump_to(out);
}

}  // namespace

LogEntry::LogEntry(const Json& format) : format_(format), members_(compile(format, 1)) {}

std::vector<LogEntry::Member> LogEntry::compile(const Json& format, int depth) {
  std::vector<Member> members;
  for (const auto& [name, value] : format.members()) {
    Member member;
    member.key = Json(name).dump();
    std::string_view text = value.as_string();
    if (value.is_object()) {
      member.nests = true;
      if (depth < kDeepest) member.members = compile(value, depth + 1);
    } else if (text.starts_with('$')) {
      member.varies = true;
      member.variable = expr::Variable::compile(text.substr(1));
    } else {
      member.text = value.dump();
    }
    members.push_back(std::move(member));
  }
  return members;
}

void LogEntry::write(http::Exchange& exchange, std::string& out) const {
  out += '{';
  write(members_, exchange, out);
  const http::RouteLabels* route = exchange.route;
  if (route != nullptr && !route->route_id.empty()) {
    add_text(out, "\"route_id\"", route->route_id);
  }
  if (route != nullptr && !route->service_id.empty()) {
    add_text(out, "\"service_id\"", route->service_id);
  }
  out += '}';
}

void LogEntry::write(const std::vector<Member>& members, http::Exchange& exchange,
                     std::string& out) {
  for (const Member& member : members) {
    if (member.varies) {
      std::string_view value = member.variable.value(exchange);
      if (value.data() != nullptr) add_text(out, member.key, value);
      continue;
    }
    begin_member(out, member.key);
    if (!member.nests) {
      out += member.text;
      continue;
    }
    out += '{';
    write(member.members, exchange, out);
    out += '}';
  }
}

}  // namespace pylon::plugins
