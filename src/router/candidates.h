// Candidates: who may take a request that came along one path. Internal to this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/persistent_map.h"
#include "base/ref.h"
#include "router/inline_key.h"
#include "router/rule.h"

namespace pylon::router {

// One pattern of one rule.
struct Candidate {
  Ref<const Rule> rule;
  uint32_t pattern_index = 0;

  const PathPattern& pattern() const { return rule->patterns()[pattern_index]; }
};

// Priority desc, length of the pattern desc, age; the patterns of one rule in their own order.
bool precedes(const Candidate& a, const Candidate& b);

// Sorted by precedes(). The first lies in the list itself: mostly it is the only one.
class CandidateList {
 public:
  size_t size() const { return first_.rule ? rest_.size() + 1 : 0; }
  bool empty() const { return !first_.rule; }
  const Candidate& operator[](size_t i) const { return i == 0 ? first_ : rest_[i - 1]; }

  void insert(Candidate candidate);
  void erase(const Rule& rule, uint32_t pattern_index);

 private:
  Candidate first_;
  std::vector<Candidate> rest_;
};

struct HostLists : RefCounted {
  PersistentMap<CandidateList, InlineKey> by_host;
};

// All candidates that share the literal part of their path. In the modes without a table per host
// those that name nothing but exact hosts are kept by host, so that a thousand sites that all route
// "/*" do not stand in one line.
struct PathNode {
  CandidateList any_host;
  Ref<const HostLists> hosts;  // null: none
  uint64_t edit = 0;           // the edit that made it, and may change it in place

  bool empty() const { return any_host.empty() && !hosts; }
  void insert(const Ref<const Rule>& rule, uint32_t pattern_index, bool by_host);
  void erase(const Rule& rule, uint32_t pattern_index, bool by_host);
};

}  // namespace pylon::router
