// Cache: what the last lookup of a name gave, for as long as it may be used. Bounded: the entry not
// used for the longest time goes. Belongs to one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "base/ip.h"

namespace pylon::upstream::dns {

struct Resolved {
  std::vector<IpAddress> addresses;  // empty: the name does not resolve
  int64_t good_until_us = 0;         // monotonic; after that ask again
  bool stale = false;  // the name does not resolve now; these are the last good addresses

  bool ok() const { return !addresses.empty(); }
};

class Cache {
 public:
  explicit Cache(size_t capacity) : capacity_(capacity) {}

  // Null when the name has to be asked for. Valid until the next store().
  const Resolved* find(std::string_view host, int64_t now_us);

  // Keeps what a lookup gave. A failed one does not replace addresses that were good before: they
  // stay, marked stale, until the failure's own good_until_us.
  const Resolved& store(std::string_view host, Resolved resolved);

  size_t size() const { return entries_.size(); }
  uint64_t hits() const { return hits_; }
  uint64_t evictions() const { return evictions_; }

 private:
  using Order = std::list<std::string>;  // the most recently used first
  struct Entry {
    Resolved resolved;
    Order::iterator place;
  };

  void touch(Entry& entry) { order_.splice(order_.begin(), order_, entry.place); }
  void make_room();

  size_t capacity_;
  StringMap<Entry> entries_;
  Order order_;
  uint64_t hits_ = 0;
  uint64_t evictions_ = 0;
};

}  // namespace pylon::upstream::dns
