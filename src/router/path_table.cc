#include "router/path_table.h"

#include <algorithm>

namespace pylon::router {
namespace {

// Whether a rule can be found by the request's host alone.
bool names_only_exact_hosts(const Rule& rule) {
  return !rule.hosts().empty() &&
         std::none_of(rule.hosts().begin(), rule.hosts().end(), [](std::string_view host) {
           return is_wildcard(host) || host.find(':') != host.npos;
         });
}

template <class Change>
void change_host_list(PathNode& node, std::string_view host, Change&& change) {
  const Ref<const CandidateList>* known = node.by_host.find(host);
  auto list = known != nullptr ? make_ref<CandidateList>(**known) : make_ref<CandidateList>();
  change(*list);
  node.by_host = list->items.empty() ? node.by_host.erase(host) : node.by_host.insert(host, list);
}

template <class Change>
void change_lists(PathNode& node, const Rule& rule, bool by_host, Change&& change) {
  if (!by_host || !names_only_exact_hosts(rule)) return change(node.any_host);
  for (const std::string& host : rule.hosts()) change_host_list(node, host, change);
}

}  // namespace

bool precedes(const Candidate& a, const Candidate& b) {
  if (a.rule->priority() != b.rule->priority()) return a.rule->priority() > b.rule->priority();
  size_t a_bytes = a.pattern().text().size();
  size_t b_bytes = b.pattern().text().size();
  if (a_bytes != b_bytes) return a_bytes > b_bytes;
  if (a.rule->sequence() != b.rule->sequence()) return a.rule->sequence() < b.rule->sequence();
  return a.pattern_index < b.pattern_index;
}

void CandidateList::insert(Candidate candidate) {
  auto at = std::upper_bound(items.begin(), items.end(), candidate, precedes);
  items.insert(at, std::move(candidate));
}

void CandidateList::erase(const Rule& rule, uint32_t pattern_index) {
  auto same = [&](const Candidate& candidate) {
    return candidate.rule.get() == &rule && candidate.pattern_index == pattern_index;
  };
  auto at = std::find_if(items.begin(), items.end(), same);
  if (at != items.end()) items.erase(at);
}

PathTable::Editor::Editor(const PathTable& table)
    : exact_(table.exact_.edit()), prefixes_(table.prefixes_.edit()), edit_(Hamt::next_edit()) {}

// A node that this edit made is nobody else's yet: it is changed in place.
template <class Change>
void PathTable::Editor::change_node(const PathPattern& pattern, Change&& change) {
  std::string_view key = pattern.prefix();
  const PathNode* known = nullptr;
  if (pattern.is_exact()) {
    const Ref<const PathNode>* exact = exact_.find(key);
    if (exact != nullptr) known = exact->get();
  } else {
    known = prefixes_.find_exact(key);
  }
  bool own = known != nullptr && known->edit == edit_;
  auto node = own                ? Ref<PathNode>(const_cast<PathNode*>(known))
              : known != nullptr ? make_ref<PathNode>(*known)
                                 : make_ref<PathNode>();
  node->edit = edit_;
  change(*node);
  if (pattern.is_exact()) {
    if (node->empty()) {
      exact_.erase(key);
    } else if (!own) {
      exact_.insert(key, node);
    }
  } else if (node->empty()) {
    prefixes_.erase(key);
  } else if (!own) {
    prefixes_.insert(key, node);
  }
}

void PathTable::Editor::insert(const Ref<const Rule>& rule, bool by_host) {
  for (uint32_t i = 0; i < rule->patterns().size(); ++i) {
    change_node(rule->patterns()[i], [&](PathNode& node) {
      change_lists(node, *rule, by_host, [&](CandidateList& list) {
        list.insert(Candidate{rule, i});
      });
    });
  }
}

void PathTable::Editor::erase(const Ref<const Rule>& rule, bool by_host) {
  for (uint32_t i = 0; i < rule->patterns().size(); ++i) {
    change_node(rule->patterns()[i], [&](PathNode& node) {
      change_lists(node, *rule, by_host, [&](CandidateList& list) { list.erase(*rule, i); });
    });
  }
}

PathTable PathTable::Editor::commit() && {
  PathTable table;
  table.exact_ = std::move(exact_).commit();
  table.prefixes_ = std::move(prefixes_).commit();
  return table;
}

}  // namespace pylon::router
