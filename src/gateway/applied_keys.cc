#include "gateway/applied_keys.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace pylon::gateway {

const AppliedKeys::Held* AppliedKeys::find(std::string_view key) const { return keys_.find(key); }

void AppliedKeys::put(std::string_view key, std::string_view value, int64_t mod_revision,
                      std::optional<config::Kind> kind) {
  put(key, Held{mod_revision, hash_bytes(value, hash_bytes(key)), kind});
}

void AppliedKeys::put(std::string_view key, const Held& held) {
  auto [place, fresh] = keys_.try_emplace(key, held);
  if (!fresh) drop(std::exchange(*place, held));
  if (!held.kind) return;
  Type& type = types_[*held.kind];
  type.objects++;
  type.digest += held.digest;
  type.revision = std::max(type.revision, held.mod_revision);
}

void AppliedKeys::erase(std::string_view key, int64_t revision) {
  const Held* held = keys_.find(key);
  if (held == nullptr) return;
  drop(*held);
  if (held->kind) {
    Type& type = types_[*held->kind];
    type.revision = std::max(type.revision, revision);
  }
  keys_.erase(key);
}

void AppliedKeys::drop(const Held& held) {
  if (!held.kind) return;
  Type& type = types_[*held.kind];
  type.objects--;
  type.digest -= held.digest;
}

void AppliedKeys::forget_revisions() {
  keys_.for_each([](std::string_view, Held& held) { held.mod_revision = 0; });
}

}  // namespace pylon::gateway
