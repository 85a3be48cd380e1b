#include "gateway/applied_keys.h"

#include <algorithm>

#include "base/hash.h"

namespace pylon::gateway {

const AppliedKeys::Held* AppliedKeys::find(std::string_view key) const {
  auto found = keys_.find(key);
  return found != keys_.end() ? &found->second : nullptr;
}

void AppliedKeys::put(const std::string& key, std::string_view value, int64_t mod_revision,
                      std::optional<config::Kind> kind) {
  put(key, Held{mod_revision, hash_bytes(value, hash_bytes(key)), kind});
}

void AppliedKeys::put(const std::string& key, const Held& held) {
  auto [place, fresh] = keys_.try_emplace(key);
  if (!fresh) drop(place->second);
  place->second = held;
  if (!held.kind) return;
  Type& type = types_[*held.kind];
  type.objects++;
  type.digest += held.digest;
  type.revision = std::max(type.revision, held.mod_revision);
}

void AppliedKeys::erase(const std::string& key, int64_t revision) {
  auto found = keys_.find(key);
  if (found == keys_.end()) return;
  drop(found->second);
  if (found->second.kind) {
    Type& type = types_[*found->second.kind];
    type.revision = std::max(type.revision, revision);
  }
  keys_.erase(found);
}

void AppliedKeys::drop(const Held& held) {
  if (!held.kind) return;
  Type& type = types_[*held.kind];
  type.objects--;
  type.digest -= held.digest;
}

void AppliedKeys::forget_revisions() {
  for (auto& [key, held] : keys_) held.mod_revision = 0;
}

}  // namespace pylon::gateway
