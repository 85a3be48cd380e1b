// SessionStore: what lets clients take up an earlier TLS session, shared by all workers of a
// process: the keys that seal tickets, and the sessions of clients without tickets.
//
// Ticket keys follow from one secret and the time: each is used for half a day and read for another
// half. Sessions kept here are limited in octets; the oldest go first. Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"

namespace pylon::tls {

struct TicketKey {
  std::array<unsigned char, 16> name;
  std::array<unsigned char, 32> seal;  // AES-256
  std::array<unsigned char, 32> sign;  // HMAC-SHA256
};

class SessionStore {
 public:
  static constexpr size_t kMostBytes = 20 << 20;
  static constexpr int64_t kKeyLifeS = 12 * 3600;
  static constexpr long kSessionLifeS = 600;

  SessionStore();  // with a secret from the system's randomness
  ~SessionStore();
  SessionStore(const SessionStore&) = delete;
  SessionStore& operator=(const SessionStore&) = delete;

  // The key of that half day; `age` 0: the current one, 1: the one before.
  TicketKey ticket_key(int64_t unix_s, int age) const;

  // A session by its id, in OpenSSL's own encoding.
  void keep(std::string_view id, std::string session, int64_t unix_s);
  std::optional<std::string> find(std::string_view id, int64_t unix_s);
  void forget(std::string_view id);
  size_t bytes() const;

 private:
  static constexpr size_t kShards = 16;
  struct Entry {
    std::string id;
    std::string session;
    int64_t until_s;
  };
  struct Shard {
    mutable std::mutex mutex;
    std::list<Entry> entries;  // the newest first
    StringMap<std::list<Entry>::iterator> index;
    size_t bytes = 0;

    void erase(std::list<Entry>::iterator entry);
  };
  Shard& shard_of(std::string_view id);

  std::array<unsigned char, 32> secret_;
  std::unique_ptr<Shard[]> shards_;
};

}  // namespace pylon::tls
