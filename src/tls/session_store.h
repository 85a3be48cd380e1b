// SessionStore: what lets clients take up an earlier TLS session, shared by all workers of a
// process: the keys that seal tickets, and the sessions of clients without tickets.
//
// Sessions kept here are limited in octets; the oldest go first. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "tls/ticket_secret.h"

namespace pylon::tls {

class SessionStore {
 public:
  static constexpr size_t kMostBytes = 20 << 20;
  static constexpr long kSessionLifeS = 600;

  SessionStore() : shards_(std::make_unique<Shard[]>(kShards)) {}
  SessionStore(const SessionStore&) = delete;
  SessionStore& operator=(const SessionStore&) = delete;

  // The key of that time; `age` 0: the current one, 1: the one before.
  TicketKey ticket_key(int64_t unix_s, int age);
  // A TicketSecret's octets(): from now on tickets are those of who has it too. False: not one.
  bool take_tickets(std::string_view octets);

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

  std::mutex tickets_mutex_;
  TicketSecret tickets_;
  std::array<TicketKey, 2> ticket_keys_;  // by age, once they were asked for
  std::unique_ptr<Shard[]> shards_;
};

}  // namespace pylon::tls
