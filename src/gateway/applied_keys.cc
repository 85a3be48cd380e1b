#include "gateway/applied_keys.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace pylon::gateway {

const AppliedKeys::Held* AppliedKeys::find(std::string_view key) const { return keys_.find(key); }

void AppliedKeys::put(std::string_view key, std::string_view value, Held held) {
  held.digest = hash_bytes(value, hash_bytes(key));
  put(key, held);
}

void AppliedKeys::put(std::string_view key, const Held& held) {
  auto [place, fresh] = keys_.try_emplace(key, held);
  if (!fresh) {
    Held before = std::exchange(*place, held);
    discount(*place, before);
  }
  count(*place);
}

void AppliedKeys::erase(std::string_view key, int64_t revision) {
  const Held* held = keys_.find(key);
  if (held == nullptr) return;
  discount(*held, *held);
  if (held->kind) {
    Type& type = types_[*held->kind];
    type.revision = std::max(type.revision, revision);
  }
  keys_.erase(key);
}

void AppliedKeys::count(const Held& held) {
  if (!held.kind) return;
  Type& type = types_[*held.kind];
  type.objects++;
  type.digest += held.digest;
  type.revision = std::max(type.revision, held.mod_revision);
  if (held.listed) listed_[*held.kind].insert({held.create_revision, &held});
}

// `held`: where it lies, perhaps with its next version already.
void AppliedKeys::discount(const Held& held, const Held& as_it_was) {
  if (!as_it_was.kind) return;
  Type& type = types_[*as_it_was.kind];
  type.objects--;
  type.digest -= as_it_was.digest;
  if (as_it_was.listed) listed_[*as_it_was.kind].erase({as_it_was.create_revision, &held});
}

size_t AppliedKeys::listed(config::Kind kind) const {
  auto type = listed_.find(kind);
  return type == listed_.end() ? 0 : type->second.size();
}

void AppliedKeys::forget_revisions() {
  keys_.for_each([](std::string_view, Held& held) { held.mod_revision = 0; });
}

}  // namespace pylon::gateway
