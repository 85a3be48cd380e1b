// Tables for tests: routes written in JSON, matched by name.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/route.h"
#include "router/table.h"

namespace pylon::router {

class TestTable {
 public:
  explicit TestTable(Mode mode = Mode::host_uri) : table_(mode) {}

  // Adds or replaces the route of that name, with the place in order that it had before.
  void put(const std::string& name, std::string_view json,
           const std::vector<std::string>& service_hosts = {}) {
    Entry& entry = entries_[name];
    if (entry.sequence == 0) entry.sequence = ++last_sequence_;
    Json value = *Json::parse(json);
    value["plugins"] = Json::object();
    auto route = config::parse_route(value);
    ASSERT_TRUE(route.has_value()) << json << ": " << route.error().message;
    const auto& hosts = route->hosts.empty() ? service_hosts : route->hosts;
    names_.push_back(name);
    auto rule = Rule::compile({*route, hosts, entry.sequence, &names_.back()}, table_.mode());
    ASSERT_TRUE(rule.has_value()) << rule.error().message;
    auto editor = table_.edit();
    editor.replace(entry.rule, *rule);
    entry.rule = *rule;
    table_ = std::move(editor).commit();
  }

  void erase(const std::string& name) {
    auto editor = table_.edit();
    editor.erase(entries_[name].rule);
    entries_.erase(name);
    table_ = std::move(editor).commit();
  }

  const Table& table() const { return table_; }

 private:
  struct Entry {
    Ref<const Rule> rule;
    uint64_t sequence = 0;
  };

  Table table_;
  std::map<std::string, Entry> entries_;
  std::deque<std::string> names_;
  uint64_t last_sequence_ = 0;
};

// A request to match.
struct TestRequest {
  TestRequest(std::string_view host, std::string_view uri, std::string_view args = {}) {
    request().host = host;
    request().uri = uri;
    request().args = args;
    request().has_args = !args.empty();
    request().method_text = "GET";
    exchange.client.address = *IpAddress::parse("127.0.0.1");
  }

  http::Request& request() { return exchange.request; }

  // The name of the route that is found; "none" or "needs body".
  std::string in(const Table& table) {
    matched = match(table, exchange);
    if (matched.state == Match::State::needs_body) return "needs body";
    return matched ? *static_cast<const std::string*>(matched.target) : "none";
  }
  std::string in(const TestTable& test) { return in(test.table()); }

  std::string param(std::string_view name) const {
    for (uint32_t i = 0; i < exchange.uri_param_count; ++i) {
      const http::UriParam& each = exchange.uri_params[i];
      if (each.name == name) return std::string(each.value);
    }
    return "absent";
  }

  Arena arena;
  http::Exchange exchange{arena};
  Match matched;
};

}  // namespace pylon::router
