#include "store/etcd/mirror.h"

#include <fmt/format.h>

#include <utility>

namespace pylon::store::etcd {

void Mirror::replace(std::vector<Held> entries, int64_t revision, uint64_t cluster_id) {
  entries_.clear();
  bounds_.clear();
  for (Held& entry : entries) {
    const std::string& key = entry->key;
    entries_.insert_or_assign(entries_.end(), key, std::move(entry));
  }
  size_t place = 0;
  for (const auto& [key, entry] : entries_) {
    if (++place % kPieceKeys == 0) bounds_.push_back(key);
  }
  revision_ = revision;
  cluster_id_ = cluster_id;
}

bool Mirror::apply(const ChangeSet& set) {
  if (!filled() || set.revision <= revision_) return false;
  revision_ = set.revision;
  for (const Change& change : set.changes) {
    if (change.erased) {
      entries_.erase(change.entry.key);
      if (comparing_) erased_[change.entry.key] = set.revision;
    } else {
      entries_.insert_or_assign(change.entry.key, std::make_shared<const Entry>(change.entry));
    }
  }
  return true;
}

Copy Mirror::copy(int64_t saved_s) const {
  Copy copy{.cluster_id = cluster_id_, .revision = revision_, .saved_s = saved_s, .entries = {}};
  copy.entries.reserve(entries_.size());
  for (const auto& [key, entry] : entries_) copy.entries.push_back(entry);
  return copy;
}

void Mirror::begin_comparison() {
  erased_.clear();
  comparing_ = true;
}

std::optional<std::string> Mirror::difference(const std::vector<Entry>& listed, int64_t revision) {
  comparing_ = false;
  auto held = entries_.begin();
  // Of a key that is held and was not listed.
  auto unlisted = [&](const Entry& entry) { return entry.create_revision <= revision; };
  for (const Entry& entry : listed) {
    for (; held != entries_.end() && held->first < entry.key; ++held) {
      if (unlisted(*held->second)) return fmt::format("{} is not in etcd", held->first);
    }
    if (held == entries_.end() || held->first != entry.key) {
      auto gone = erased_.find(entry.key);
      if (gone != erased_.end() && gone->second > revision) continue;
      return fmt::format("{} is missing here", entry.key);
    }
    int64_t here = held->second->mod_revision;
    if (here != entry.mod_revision && here <= revision) {
      return fmt::format("{} is of revision {} in etcd, and of {} here", entry.key,
                         entry.mod_revision, here);
    }
    ++held;
  }
  for (; held != entries_.end(); ++held) {
    if (unlisted(*held->second)) return fmt::format("{} is not in etcd", held->first);
  }
  return std::nullopt;
}

}  // namespace pylon::store::etcd
