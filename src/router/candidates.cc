#include "router/candidates.h"

#include <algorithm>
#include <string_view>
#include <utility>

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
void change_host_list(Ref<const HostLists>& hosts, std::string_view host, Change&& change) {
  auto* next = new HostLists;
  if (hosts) next->by_host = hosts->by_host;
  const CandidateList* known = next->by_host.find(host);
  CandidateList list = known != nullptr ? *known : CandidateList();
  change(list);
  next->by_host = list.empty() ? next->by_host.erase(host) : next->by_host.insert(host, list);
  bool empty = next->by_host.empty();
  hosts = Ref<const HostLists>(next);
  if (empty) hosts = nullptr;
}

template <class Change>
void change_lists(PathNode& node, const Rule& rule, bool by_host, Change&& change) {
  if (!by_host || !names_only_exact_hosts(rule)) return change(node.any_host);
  for (const std::string& host : rule.hosts()) change_host_list(node.hosts, host, change);
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
  if (empty()) {
    first_ = std::move(candidate);
    return;
  }
  if (precedes(candidate, first_)) std::swap(candidate, first_);
  auto at = std::upper_bound(rest_.begin(), rest_.end(), candidate, precedes);
  rest_.insert(at, std::move(candidate));
}

void CandidateList::erase(const Rule& rule, uint32_t pattern_index) {
  auto same = [&](const Candidate& candidate) {
    return candidate.rule.get() == &rule && candidate.pattern_index == pattern_index;
  };
  auto at = std::find_if(rest_.begin(), rest_.end(), same);
  if (at != rest_.end()) {
    rest_.erase(at);
  } else if (same(first_)) {
    first_ = rest_.empty() ? Candidate() : rest_.front();
    if (!rest_.empty()) rest_.erase(rest_.begin());
  }
}

void PathNode::insert(const Ref<const Rule>& rule, uint32_t pattern_index, bool by_host) {
  change_lists(*this, *rule, by_host, [&](CandidateList& list) {
    list.insert(Candidate{rule, pattern_index});
  });
}

void PathNode::erase(const Rule& rule, uint32_t pattern_index, bool by_host) {
  change_lists(*this, rule, by_host, [&](CandidateList& list) { list.erase(rule, pattern_index); });
}

}  // namespace pylon::router
