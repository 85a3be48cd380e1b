// Table: all routes of one version of the configuration, ready to be matched. Pure.
//
// A table is immutable. edit() makes the next version, sharing all that did not change; adding or
// removing a route costs what its own hosts and paths cost, however many other routes there are.
// Building and dropping versions belongs to the control thread; any worker may match against a
// version that somebody keeps alive, without locks, counters or allocation (captured parameters go
// to the exchange's arena).
//
// Order of trial, as in APISIX: mode host_uri takes the exact host first, then wildcard hosts from
// the longest, then routes without host; within that, and in the other modes, the exact path first,
// then prefixes from the longest. Priority only decides among equal paths; after it the longer
// pattern, then the older route.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/persistent_map.h"
#include "base/persistent_radix.h"
#include "router/path_table.h"
#include "router/rule.h"

namespace pylon::router {

class Table {
 public:
  class Editor;

  explicit Table(Mode mode) : mode_(mode) {}

  Mode mode() const { return mode_; }
  Editor edit() const;

 private:
  template <class Witness>
  friend class Matcher;

  // The routes that name a wildcard host.
  struct HostNode : RefCounted {
    std::string pattern;
    PathTable paths;
  };

  Mode mode_;
  PathTable paths_;  // routes without host; in other modes than host_uri: all
  PersistentMap<PathTable, InlineKey> hosts_;  // by exact host
  PersistentRadix<HostNode> wildcards_;        // by the reversed text after the star
};

// Many changes at once cost less than one by one. A rule handed over stays alive as long as a
// version holds it. Null rules (routes that are switched off) are passed over.
class Table::Editor {
 public:
  explicit Editor(const Table& table) : table_(table), paths_(table.paths_) {}

  void insert(const Ref<const Rule>& rule);
  void erase(const Ref<const Rule>& rule);  // the very object that was inserted
  void replace(const Ref<const Rule>& old_rule, const Ref<const Rule>& new_rule) {
    erase(old_rule);
    insert(new_rule);
  }
  Table commit() &&;

 private:
  template <class Change>
  void for_each_place(const Rule& rule, Change&& change);
  PathTable::Editor& host(const std::string& pattern);

  Table table_;
  PathTable::Editor paths_;
  StringMap<PathTable::Editor> opened_;  // the hosts that were touched, by pattern
};

struct Match {
  enum class State : uint8_t {
    none,
    found,
    needs_body,  // a condition looks at the body: buffer it, set body_known, match again
  };

  State state = State::none;
  const void* target = nullptr;
  // In the memory of the table or of the exchange.
  std::string_view pattern;  // $curr_req_matched._path
  std::string_view host;     // the host pattern; empty when the route has no host

  explicit operator bool() const { return state == State::found; }
};

// Looks at method, match_uri (else uri), host, fields, client address and what conditions ask for.
// Sets uri_params of the exchange when a route is found.
Match match(const Table& table, http::Exchange& exchange);

}  // namespace pylon::router
