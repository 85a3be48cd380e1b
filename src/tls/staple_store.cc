#include "tls/staple_store.h"

#include <algorithm>
#include <utility>

namespace pylon::tls {

StapleStore::Found StapleStore::find(const Key& key, int64_t unix_s) {
  std::lock_guard lock(mutex_);
  auto known = entries_.find(key);
  if (known == entries_.end()) {
    if (entries_.size() >= kMost) {
      std::erase_if(entries_, [&](const auto& item) {
        return item.second.until_s <= unix_s && item.second.due_s <= unix_s;
      });
    }
    if (entries_.size() >= kMost) return {};
    known = entries_.try_emplace(key).first;
  }
  Entry& entry = known->second;
  if (entry.until_s <= unix_s) entry.response.reset();
  bool due = entry.due_s <= unix_s;
  if (due) entry.due_s = unix_s + kPatienceS;
  return {entry.response, due};
}

void StapleStore::keep(const Key& key, Staple staple, int64_t ttl_s, int64_t unix_s) {
  std::lock_guard lock(mutex_);
  auto known = entries_.find(key);
  if (known == entries_.end()) return;
  Entry& entry = known->second;
  bool ends = staple.until_s != INT64_MAX;
  entry.response = std::make_shared<const std::string>(std::move(staple.response));
  entry.until_s = ends ? staple.until_s : unix_s + 2 * ttl_s;
  // Of the time that is left a quarter is for asking again.
  entry.due_s = std::min(unix_s + ttl_s, unix_s + (entry.until_s - unix_s) / 4 * 3);
  entry.due_s = std::max(entry.due_s, unix_s + 1);
}

size_t StapleStore::size() const {
  std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace pylon::tls
