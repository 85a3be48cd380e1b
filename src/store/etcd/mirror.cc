#include "store/etcd/mirror.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace pylon::store::etcd {

void Mirror::begin_filling() {
  keys_.clear();
  newest_.clear();
  next_bounds_.clear();
  filled_ = 0;
  filling_ = true;
  told_.clear();
  told_revision_ = 0;
  revision_ = 0;
  comparing_ = false;
}

// "/apisix/routes/1" -> "/apisix/routes/"; empty: the key is in none.
std::string_view Mirror::folder_of(std::string_view key) const {
  if (!key.starts_with(prefix_)) return {};
  return key.substr(0, key.find('/', prefix_.size()) + 1);
}

void Mirror::note_version(std::string_view key, int64_t revision) {
  std::string_view folder = folder_of(key);
  auto at = newest_.find(folder);
  if (at == newest_.end()) at = newest_.emplace(folder, 0).first;
  at->second = std::max(at->second, revision);
}

std::optional<int64_t> Mirror::newest_in(std::string_view folder) const {
  if (!filled() || folder.empty() || folder_of(folder) != folder) return std::nullopt;
  auto at = newest_.find(folder);
  return at == newest_.end() ? 0 : at->second;
}

void Mirror::fill(const Entry& entry) {
  note_version(entry.key, entry.mod_revision);
  keys_.try_emplace(entry.key, {entry.create_revision, entry.mod_revision, round_ - 1});
  if (++filled_ % kPieceKeys == 0) next_bounds_.push_back(entry.key);
}

void Mirror::end_filling(int64_t revision, uint64_t cluster_id) {
  bounds_ = std::exchange(next_bounds_, {});
  filling_ = false;
  revision_ = revision;
  cluster_id_ = cluster_id;
  std::vector<Told> told = std::exchange(told_, {});
  if (told.size() >= kMostTold) return;
  for (const Told& change : told) {
    if (change.revision > revision) apply(change);
  }
  revision_ = std::max(revision, told_revision_);
}

bool Mirror::apply(const ChangeSet& set) {
  int64_t& known = filling_ ? told_revision_ : revision_;
  if (set.revision <= known || (!filling_ && !filled())) return false;
  known = set.revision;
  for (const Change& change : set.changes) {
    int64_t created = change.erased ? 0 : change.entry.create_revision;
    Told told{change.entry.key, created, set.revision};
    if (!filling_) {
      apply(told);
    } else if (!lacks_changes()) {
      told_.push_back(std::move(told));
    }
  }
  return true;
}

void Mirror::apply(const Told& told) {
  if (told.create_revision == 0) {
    keys_.erase(told.key);
    if (comparing_) erased_[told.key] = told.revision;
    return;
  }
  note_version(told.key, told.revision);
  auto [held, fresh] = keys_.try_emplace(told.key, {0, 0, round_ - 1});
  held->create_revision = told.create_revision;
  held->mod_revision = told.revision;
}

void Mirror::begin_comparison() {
  comparing_ = true;
  ++round_;
  compared_revision_ = 0;
  erased_.clear();
  suspects_.clear();
}

void Mirror::compare(const std::vector<Entry>& listed, int64_t revision) {
  compared_revision_ = revision;
  for (const Entry& entry : listed) {
    Held* held = keys_.find(entry.key);
    if (held != nullptr) held->round = round_;
    bool same = held != nullptr && held->mod_revision == entry.mod_revision;
    if (!same) suspect(entry.key, entry.mod_revision);
  }
}

void Mirror::compare_rest(size_t part) {
  keys_.for_each_in(part, [this](std::string_view key, const Held& held) {
    bool unlisted = held.round != round_ && held.create_revision <= compared_revision_;
    if (unlisted) suspect(key, 0);
  });
}

// One more than is kept says enough.
void Mirror::suspect(std::string_view key, int64_t listed_revision) {
  if (suspects_.size() <= kMostSuspects) suspects_.emplace(key, listed_revision);
}

std::optional<std::string> Mirror::end_comparison() {
  comparing_ = false;
  std::optional<std::string> difference;
  for (const auto& [key, listed_revision] : suspects_) {
    if (!difference) difference = judge(key, listed_revision);
  }
  if (!difference && suspects_.size() > kMostSuspects) {
    difference = fmt::format("more than {} keys are not as in etcd", kMostSuspects);
  }
  suspects_.clear();
  erased_.clear();
  return difference;
}

std::optional<std::string> Mirror::judge(const std::string& key, int64_t listed_revision) const {
  const Held* held = keys_.find(key);
  if (listed_revision == 0) {
    bool told = held == nullptr || held->create_revision > compared_revision_;
    return told ? std::nullopt : std::optional(fmt::format("{} is not in etcd", key));
  }
  if (held == nullptr) {
    auto gone = erased_.find(key);
    bool later = gone != erased_.end() && gone->second > compared_revision_;
    return later ? std::nullopt : std::optional(fmt::format("{} is missing here", key));
  }
  int64_t here = held->mod_revision;
  if (here == listed_revision || here > compared_revision_) return std::nullopt;
  return fmt::format("{} is of revision {} in etcd, and of {} here", key, listed_revision, here);
}

}  // namespace pylon::store::etcd
