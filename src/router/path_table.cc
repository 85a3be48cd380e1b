#include "router/path_table.h"

#include <utility>

namespace pylon::router {

PathTable::Editor::Editor(const PathTable& table)
    : exact_(table.exact_.edit()), prefixes_(table.prefixes_.edit()), edit_(Hamt::next_edit()) {}

const PathNode* PathTable::Editor::find(const PathPattern& pattern) {
  if (pattern.is_exact()) return exact_.find(pattern.prefix());
  const PrefixNode* prefix = prefixes_.find_exact(pattern.prefix());
  return prefix != nullptr ? &prefix->node : nullptr;
}

void PathTable::Editor::store(const PathPattern& pattern, PathNode node) {
  if (pattern.is_exact()) return exact_.insert(pattern.prefix(), std::move(node));
  auto* prefix = new PrefixNode;
  prefix->node = std::move(node);
  prefixes_.insert(pattern.prefix(), Ref<const PrefixNode>(prefix));
}

void PathTable::Editor::forget(const PathPattern& pattern) {
  if (pattern.is_exact()) {
    exact_.erase(pattern.prefix());
  } else {
    prefixes_.erase(pattern.prefix());
  }
}

// A node that this edit made is nobody else's yet: it is changed in place.
template <class Change>
void PathTable::Editor::change_node(const PathPattern& pattern, Change&& change) {
  const PathNode* known = find(pattern);
  if (known != nullptr && known->edit == edit_) {
    change(const_cast<PathNode&>(*known));
    if (known->empty()) forget(pattern);
    return;
  }
  PathNode node = known != nullptr ? *known : PathNode();
  node.edit = edit_;
  change(node);
  if (node.empty()) return forget(pattern);
  store(pattern, std::move(node));
}

void PathTable::Editor::insert(const Ref<const Rule>& rule, bool by_host) {
  for (uint32_t i = 0; i < rule->patterns().size(); ++i) {
    change_node(rule->patterns()[i], [&](PathNode& node) { node.insert(rule, i, by_host); });
  }
}

void PathTable::Editor::erase(const Ref<const Rule>& rule, bool by_host) {
  for (uint32_t i = 0; i < rule->patterns().size(); ++i) {
    change_node(rule->patterns()[i], [&](PathNode& node) { node.erase(*rule, i, by_host); });
  }
}

PathTable PathTable::Editor::commit() && {
  PathTable table;
  table.exact_ = std::move(exact_).commit();
  table.prefixes_ = std::move(prefixes_).commit();
  return table;
}

}  // namespace pylon::router
