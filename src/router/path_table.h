// PathTable: from a path to the candidates for it, most wanted first. Persistent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/persistent_map.h"
#include "base/persistent_radix.h"
#include "router/candidates.h"
#include "router/inline_key.h"

namespace pylon::router {

class PathTable {
 public:
  class Editor;

  bool empty() const { return exact_.empty() && prefixes_.empty(); }

  // Calls fn(node, is_exact) for the exact path, then for prefixes from the longest, until it
  // returns true.
  template <class Fn>
  bool visit(std::string_view path, Fn&& fn) const {
    const PathNode* exact = exact_.empty() ? nullptr : exact_.find(path);
    if (exact != nullptr && fn(*exact, true)) return true;
    if (prefixes_.empty()) return false;
    return prefixes_.visit_prefixes_longest_first(
        path, [&](const PrefixNode& prefix, size_t) { return fn(prefix.node, false); });
  }

 private:
  struct PrefixNode : RefCounted {
    PathNode node;
  };
  using Exact = PersistentMap<PathNode, InlineKey>;
  using Prefixes = PersistentRadix<PrefixNode>;

  Exact exact_;
  Prefixes prefixes_;
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
  const PathNode* find(const PathPattern& pattern);
  void store(const PathPattern& pattern, PathNode node);
  void forget(const PathPattern& pattern);
  template <class Change>
  void change_node(const PathPattern& pattern, Change&& change);

  Exact::Editor exact_;
  Prefixes::Editor prefixes_;
  uint64_t edit_;
};

}  // namespace pylon::router
