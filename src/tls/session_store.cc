#include "tls/session_store.h"

#include <utility>

namespace pylon::tls {
namespace {

constexpr size_t kEntryOverhead = 200;  // list and index, about

}  // namespace

TicketKey SessionStore::ticket_key(int64_t unix_s, int age) {
  std::lock_guard lock(tickets_mutex_);
  if (tickets_.advance(unix_s)) ticket_keys_ = {tickets_.key(0), tickets_.key(1)};
  return ticket_keys_[static_cast<size_t>(age)];
}

bool SessionStore::take_tickets(std::string_view octets) {
  std::lock_guard lock(tickets_mutex_);
  if (!tickets_.take(octets)) return false;
  ticket_keys_ = {tickets_.key(0), tickets_.key(1)};
  return true;
}

SessionStore::Shard& SessionStore::shard_of(std::string_view id) {
  return shards_[hash_guarded(id) % kShards];
}

void SessionStore::Shard::erase(std::list<Entry>::iterator entry) {
  bytes -= entry->id.size() + entry->session.size() + kEntryOverhead;
  index.erase(entry->id);
  entries.erase(entry);
}

void SessionStore::keep(std::string_view id, std::string session, int64_t unix_s) {
  Shard& shard = shard_of(id);
  std::lock_guard lock(shard.mutex);
  if (auto known = shard.index.find(id); known != shard.index.end()) shard.erase(known->second);
  shard.bytes += id.size() + session.size() + kEntryOverhead;
  shard.entries.push_front({std::string(id), std::move(session), unix_s + kSessionLifeS});
  shard.index.emplace(id, shard.entries.begin());
  while (shard.bytes > kMostBytes / kShards || shard.entries.back().until_s <= unix_s) {
    shard.erase(std::prev(shard.entries.end()));
    if (shard.entries.empty()) break;
  }
}

std::optional<std::string> SessionStore::find(std::string_view id, int64_t unix_s) {
  Shard& shard = shard_of(id);
  std::lock_guard lock(shard.mutex);
  auto known = shard.index.find(id);
  if (known == shard.index.end() || known->second->until_s <= unix_s) return std::nullopt;
  return known->second->session;
}

void SessionStore::forget(std::string_view id) {
  Shard& shard = shard_of(id);
  std::lock_guard lock(shard.mutex);
  if (auto known = shard.index.find(id); known != shard.index.end()) shard.erase(known->second);
}

size_t SessionStore::bytes() const {
  size_t sum = 0;
  for (size_t i = 0; i < kShards; i++) {
    std::lock_guard lock(shards_[i].mutex);
    sum += shards_[i].bytes;
  }
  return sum;
}

}  // namespace pylon::tls
