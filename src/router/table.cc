#include "router/table.h"

namespace pylon::router {
namespace {

// What follows the star, from its end: a host ends with it when the reversed host starts with it.
std::string wildcard_key(std::string_view pattern) {
  pattern.remove_prefix(1);
  return {pattern.rbegin(), pattern.rend()};
}

}  // namespace

Table::Editor Table::edit() const { return Editor(*this); }

PathTable::Editor& Table::Editor::host(const std::string& pattern) {
  auto opened = opened_.find(pattern);
  if (opened != opened_.end()) return opened->second;
  const PathTable* paths = nullptr;
  if (is_wildcard(pattern)) {
    const HostNode* node = table_.wildcards_.find_exact(wildcard_key(pattern));
    if (node != nullptr) paths = &node->paths;
  } else {
    paths = table_.hosts_.find(pattern);
  }
  PathTable::Editor editor(paths != nullptr ? *paths : PathTable());
  return opened_.emplace(pattern, std::move(editor)).first->second;
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
  auto hosts = table_.hosts_.edit();
  auto wildcards = table_.wildcards_.edit();
  for (auto& [pattern, editor] : opened_) {
    PathTable paths = std::move(editor).commit();
    if (!is_wildcard(pattern)) {
      paths.empty() ? void(hosts.erase(pattern)) : hosts.insert(pattern, std::move(paths));
      continue;
    }
    std::string key = wildcard_key(pattern);
    if (paths.empty()) {
      wildcards.erase(key);
      continue;
    }
    auto* node = new HostNode;
    node->pattern = pattern;
    node->paths = std::move(paths);
    wildcards.insert(key, Ref<const HostNode>(node));
  }
  table_.hosts_ = std::move(hosts).commit();
  table_.wildcards_ = std::move(wildcards).commit();
  return std::move(table_);
}

}  // namespace pylon::router
