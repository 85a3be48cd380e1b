#include "router/table.h"

#include <algorithm>

namespace pylon::router {
namespace {

std::string reversed(std::string_view text) { return {text.rbegin(), text.rend()}; }

}  // namespace

Table::Editor Table::edit() const { return Editor(*this); }

PathTable::Editor& Table::Editor::host(const std::string& pattern) {
  auto opened = hosts_.find(pattern);
  if (opened != hosts_.end()) return opened->second;
  const HostNode* node = nullptr;
  if (is_wildcard(pattern)) {
    node = table_.wildcards_.find_exact(reversed(std::string_view(pattern).substr(1)));
  } else if (const Ref<const HostNode>* known = table_.hosts_.find(pattern)) {
    node = known->get();
  }
  PathTable::Editor editor(node != nullptr ? node->paths : PathTable());
  return hosts_.emplace(pattern, std::move(editor)).first->second;
}

// Calls change(paths, by_host) for each table of paths that the rule stands in.
template <class Change>
void Table::Editor::for_each_place(const Rule& rule, Change&& change) {
  if (table_.mode_ != Mode::host_uri) return change(paths_, true);
  if (rule.hosts().empty()) return change(paths_, false);
  for (const std::string& pattern : rule.hosts()) change(host(pattern), false);
}

void Table::Editor::insert(const Ref<const Rule>& rule) {
  if (!rule) return;
  for_each_place(*rule,
                 [&](PathTable::Editor& paths, bool by_host) { paths.insert(rule, by_host); });
}

void Table::Editor::erase(const Ref<const Rule>& rule) {
  if (!rule) return;
  for_each_place(*rule,
                 [&](PathTable::Editor& paths, bool by_host) { paths.erase(rule, by_host); });
}

Table Table::Editor::commit() && {
  table_.paths_ = std::move(paths_).commit();
  auto exact = table_.hosts_.edit();
  auto wildcards = table_.wildcards_.edit();
  for (auto& [pattern, editor] : hosts_) {
    auto node = make_ref<HostNode>();
    node->pattern = pattern;
    node->paths = std::move(editor).commit();
    bool gone = node->paths.empty();
    if (is_wildcard(pattern)) {
      std::string key = reversed(std::string_view(pattern).substr(1));
      gone ? void(wildcards.erase(key)) : wildcards.insert(key, node);
    } else {
      gone ? void(exact.erase(pattern)) : exact.insert(pattern, node);
    }
  }
  table_.hosts_ = std::move(exact).commit();
  table_.wildcards_ = std::move(wildcards).commit();
  return std::move(table_);
}

}  // namespace pylon::router
