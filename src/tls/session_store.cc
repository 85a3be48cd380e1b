#include "tls/session_store.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <utility>

namespace pylon::tls {
namespace {

constexpr size_t kEntryOverhead = 200;  // list and index, about

using Digest = std::array<unsigned char, 32>;

Digest derive(const Digest& secret, int64_t period, char purpose) {
  std::string text = "pylon ticket ";
  text += purpose;
  text += std::to_string(period);
  Digest out{};
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(), nullptr);
  return out;
}

}  // namespace

SessionStore::SessionStore() : shards_(std::make_unique<Shard[]>(kShards)) {
  RAND_bytes(secret_.data(), static_cast<int>(secret_.size()));
}

SessionStore::~SessionStore() { OPENSSL_cleanse(secret_.data(), secret_.size()); }

TicketKey SessionStore::ticket_key(int64_t unix_s, int age) const {
  int64_t period = unix_s / kKeyLifeS - age;
  TicketKey key;
  Digest name = derive(secret_, period, 'n');
  std::copy_n(name.begin(), key.name.size(), key.name.begin());
  key.seal = derive(secret_, period, 'e');
  key.sign = derive(secret_, period, 's');
  return key;
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
