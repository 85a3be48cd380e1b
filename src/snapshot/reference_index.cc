#include "snapshot/reference_index.h"

#include "base/hash.h"

namespace pylon::snapshot {

ReferenceIndex::Name ReferenceIndex::name_of(config::Kind kind, std::string_view id) {
  constexpr Name kOdd = 0x9e3779b97f4a7c15;
  return hash_guarded(id) ^ ((static_cast<Name>(kind) + 1) * kOdd);
}

void ReferenceIndex::set(config::Kind kind, std::string_view id,
                         const std::vector<config::Reference>& references) {
  if (references.empty() && used_.empty()) return;
  Name user = name_of(kind, id);
  forget(user);
  for (const config::Reference& reference : references) {
    Name name = name_of(reference.kind, reference.id);
    used_.emplace(user, name);
    ++users_[name];
  }
}

void ReferenceIndex::forget(Name user) {
  auto [first, last] = used_.equal_range(user);
  for (auto each = first; each != last; ++each) {
    auto users = users_.find(each->second);
    if (--users->second == 0) users_.erase(users);
  }
  used_.erase(first, last);
}

bool ReferenceIndex::may_be_used(config::Kind kind, std::string_view id) const {
  return users_.contains(name_of(kind, id));
}

}  // namespace pylon::snapshot
