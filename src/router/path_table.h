// PathTable: from a path to the candidates for it, most wanted first. Persistent.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/persistent_map.h"
#include "base/persistent_radix.h"
#include "router/rule.h"

namespace pylon::router {

// One pattern of one rule.
struct Candidate {
  Ref<const Rule> rule;
  uint32_t pattern_index;

  const PathPattern& pattern() const { return rule->patterns()[pattern_index]; }
};

// Priority desc, length of the pattern desc, age; the patterns of one rule in their own order.
bool precedes(const Candidate& a, const Candidate& b);

// Sorted by precedes().
struct CandidateList : RefCounted {
  std::vector<Candidate> items;

  void insert(Candidate candidate);
  void erase(const Rule& rule, uint32_t pattern_index);
};

// All candidates that share the literal part of their path. In the modes without a table per host
// those that name nothing but exact hosts are kept by host, so that a thousand sites that all route
// "/*" do not stand in one line.
struct PathNode : RefCounted {
  CandidateList any_host;
  PersistentMap<Ref<const CandidateList>> by_host;
  uint64_t edit = 0;  // the edit that made it, and may change it in place

  bool empty() const { return any_host.items.empty() && by_host.empty(); }
};

class PathTable {
 public:
  class Editor;

  bool empty() const { return exact_.empty() && prefixes_.empty(); }

  // Calls fn(node) for the exact path, then for prefixes from the longest, until it returns true.
  template <class Fn>
  bool visit(std::string_view path, Fn&& fn) const {
    const Ref<const PathNode>* exact = exact_.find(path);
    if (exact != nullptr && fn(**exact)) return true;
    if (prefixes_.empty()) return false;
    return prefixes_.visit_prefixes_longest_first(
        path, [&](const PathNode& node, size_t) { return fn(node); });
  }

 private:
  PersistentMap<Ref<const PathNode>> exact_;
  PersistentRadix<PathNode> prefixes_;
};

class PathTable::Editor {
 public:
  explicit Editor(const PathTable& table);
  Editor(Editor&&) = default;  // a copy would change the same nodes in place

  // `by_host`: its hosts are not looked after by a table above.
  void insert(const Ref<const Rule>& rule, bool by_host);
  void erase(const Ref<const Rule>& rule, bool by_host);
  PathTable commit() &&;

 private:
  template <class Change>
  void change_node(const PathPattern& pattern, Change&& change);

  PersistentMap<Ref<const PathNode>>::Editor exact_;
  PersistentRadix<PathNode>::Editor prefixes_;
  uint64_t edit_;
};

}  // namespace pylon::router
