#include "store/memory_store.h"

#include <algorithm>
#include <utility>

namespace pylon::store {

async::Task<Outcome<std::optional<Entry>>> MemoryStore::get(std::string key) {
  if (read_failure) co_return tl::unexpected(*read_failure);
  auto found = items_.find(key);
  std::optional<Entry> entry;
  if (found != items_.end()) entry = found->second.entry;
  co_return entry;
}

async::Task<Outcome<EntriesAt>> MemoryStore::get_all(std::vector<std::string> keys) {
  if (read_failure) co_return tl::unexpected(*read_failure);
  EntriesAt reading{revision_, {}};
  for (const std::string& key : keys) {
    if (const Entry* entry = find(key)) reading.entries.push_back(*entry);
  }
  co_return reading;
}

async::Task<Outcome<std::vector<Entry>>> MemoryStore::list_after(std::string prefix,
                                                                 std::string key, size_t limit) {
  if (read_failure) co_return tl::unexpected(*read_failure);
  std::vector<Entry> found;
  for (auto at = items_.upper_bound(std::max(prefix, key)); at != items_.end(); ++at) {
    if (found.size() == limit || !at->first.starts_with(prefix)) break;
    found.push_back(at->second.entry);
  }
  co_return found;
}

async::Task<Outcome<std::vector<Entry>>> MemoryStore::list(std::string prefix) {
  if (read_failure) co_return tl::unexpected(*read_failure);
  co_return entries(prefix);
}

async::Task<Outcome<std::vector<Entry>>> MemoryStore::search(std::string prefix, std::string text) {
  if (read_failure) co_return tl::unexpected(*read_failure);
  std::vector<Entry> found = entries(prefix);
  std::erase_if(found, [&](const Entry& entry) { return entry.value.find(text) == text.npos; });
  co_return found;
}

async::Task<Outcome<int64_t>> MemoryStore::load(Visitor visit) {
  if (read_failure) co_return tl::unexpected(*read_failure);
  for (Entry& entry : entries("")) visit(std::move(entry));
  co_return revision_;
}

async::Task<Outcome<Committed>> MemoryStore::transaction(Transaction transaction) {
  ++transactions_;
  if (before_next_write) std::exchange(before_next_write, nullptr)(*this);
  if (write_failure) co_return tl::unexpected(*write_failure);
  if (auto fault = fault_of(transaction)) co_return tl::unexpected(std::move(*fault));
  if (!holds(transaction.compares)) {
    co_return failed(Failure::Kind::conflict, std::string(kConflictMessage));
  }
  co_return apply(transaction);
}

const Entry* MemoryStore::find(std::string_view key) const {
  auto found = items_.find(key);
  return found != items_.end() ? &found->second.entry : nullptr;
}

std::unique_ptr<Watch> MemoryStore::watch(int64_t after_revision, WatchListener& listener) {
  WatchList::Added added = watches_.add(after_revision, listener);
  behind_.push_back(added.member);
  return std::move(added.watch);
}

void MemoryStore::on_timer() {
  expire();
  for (const WatchList::Handle& member : std::exchange(behind_, {})) {
    watches_.catch_up(member, changes_after(member->seen_revision));
  }
}

std::vector<Entry> MemoryStore::entries(std::string_view prefix) const {
  std::vector<Entry> found;
  for (auto at = items_.lower_bound(prefix); at != items_.end(); ++at) {
    if (!at->first.starts_with(prefix)) break;
    found.push_back(at->second.entry);
  }
  std::stable_sort(found.begin(), found.end(), [](const Entry& a, const Entry& b) {
    return a.create_revision < b.create_revision;
  });
  return found;
}

bool MemoryStore::holds(const std::vector<Compare>& compares) const {
  return std::all_of(compares.begin(), compares.end(), [&](const Compare& compare) {
    if (compare.kind == Compare::Kind::unwritten) {
      std::vector<Entry> covered = entries(compare.key);
      return std::all_of(covered.begin(), covered.end(), [&](const Entry& entry) {
        return entry.mod_revision <= compare.revision;
      });
    }
    auto found = items_.find(compare.key);
    int64_t held = found == items_.end() ? 0 : found->second.entry.mod_revision;
    return compare.kind == Compare::Kind::there ? held != 0 : held == compare.revision;
  });
}

Committed MemoryStore::apply(const Transaction& transaction) {
  ChangeSet changes{.revision = revision_ + 1, .changes = {}};
  Committed committed;
  for (const Operation& operation : transaction.operations) {
    switch (operation.kind) {
      case Operation::Kind::put:
        committed.existed.push_back(put_entry(operation, changes));
        break;
      case Operation::Kind::erase:
        committed.existed.push_back(erase_range(operation.key, operation.key + '\0', changes));
        break;
      case Operation::Kind::erase_prefix:
        committed.existed.push_back(
            erase_range(operation.key, end_of_prefix(operation.key), changes));
        break;
    }
  }
  if (!changes.changes.empty()) {
    last_origin_ = transaction.origin;
    commit(std::move(changes));
  }
  committed.revision = revision_;
  return committed;
}

size_t MemoryStore::put_entry(const Operation& operation, ChangeSet& changes) {
  auto [place, fresh] = items_.try_emplace(operation.key);
  Entry& entry = place->second.entry;
  if (fresh) entry.create_revision = changes.revision;
  entry.key = operation.key;
  entry.value = operation.value;
  entry.mod_revision = changes.revision;
  place->second.expires_us.reset();
  if (operation.ttl_s) {
    place->second.expires_us = clock_.wall_us() + *operation.ttl_s * 1'000'000;
  }
  changes.changes.push_back({entry, false});
  return fresh ? 0 : 1;
}

// The keys from `first` to before `end` (empty: to the last).
size_t MemoryStore::erase_range(std::string_view first, std::string_view end, ChangeSet& changes) {
  size_t count = 0;
  auto at = items_.lower_bound(first);
  while (at != items_.end() && (end.empty() || at->first < end)) {
    changes.changes.push_back({Entry{at->first, {}, 0, changes.revision}, true});
    at = items_.erase(at);
    ++count;
  }
  return count;
}

void MemoryStore::commit(ChangeSet changes) {
  revision_ = changes.revision;
  history_.push_back(changes);
  while (history_.size() > kept_revisions_) history_.pop_front();
  watches_.deliver(changes);
}

Outcome<std::vector<ChangeSet>> MemoryStore::changes_after(int64_t revision) const {
  int64_t oldest = history_.empty() ? revision_ + 1 : history_.front().revision;
  if (auto gap = gap_after(revision, oldest - 1, revision_)) return tl::unexpected(*gap);
  std::vector<ChangeSet> found;
  for (const ChangeSet& changes : history_) {
    if (changes.revision > revision) found.push_back(changes);
  }
  return found;
}

void MemoryStore::expire() {
  ChangeSet changes{.revision = revision_ + 1, .changes = {}};
  for (auto at = items_.begin(); at != items_.end();) {
    bool due = at->second.expires_us && *at->second.expires_us <= clock_.wall_us();
    if (due) changes.changes.push_back({Entry{at->first, {}, 0, changes.revision}, true});
    at = due ? items_.erase(at) : std::next(at);
  }
  if (!changes.changes.empty()) commit(std::move(changes));
}

}  // namespace pylon::store
