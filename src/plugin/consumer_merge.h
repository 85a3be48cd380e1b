// ConsumerMerge: the chains of routes with a consumer's plugins over them, kept per worker.
//
// A consumer without plugins needs none of this. Chains are found by the serial numbers of what
// they were merged from, so one that was made from objects which are gone is never found again; it
// leaves the cache as the least recently used.
//
//   ConsumerMerge::Lease merged;                       // lives as long as the exchange
//   if (exchange.consumer.plugins != nullptr) {
//     merged = merges.chain_of(route_chain, group_plugins, exchange.consumer.plugins);
//     chain.adopt(merged.chain(), exchange);
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <utility>

#include "plugin/chain.h"

namespace pylon::plugin {

class ConsumerMerge {
  struct Key {
    uint64_t route, group, consumer;
    bool operator==(const Key&) const = default;
  };
  struct Entry {
    Key key;
    Chain chain;
    uint32_t leases = 0;
    bool cached = true;  // else the last lease destroys it
  };

 public:
  static constexpr size_t kCapacity = 512;

  // Keeps a chain alive while an exchange runs it.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
    Lease& operator=(Lease&& other) noexcept {
      std::swap(entry_, other.entry_);
      return *this;
    }
    ~Lease() {
      if (entry_ != nullptr && --entry_->leases == 0 && !entry_->cached) delete entry_;
    }
    explicit operator bool() const { return entry_ != nullptr; }
    const Chain& chain() const { return entry_->chain; }

   private:
    friend class ConsumerMerge;
    explicit Lease(Entry* entry) : entry_(entry) { ++entry->leases; }
    Entry* entry_ = nullptr;
  };

  explicit ConsumerMerge(size_t capacity = kCapacity) : capacity_(capacity) {}
  ConsumerMerge(const ConsumerMerge&) = delete;
  ConsumerMerge& operator=(const ConsumerMerge&) = delete;
  ~ConsumerMerge();

  // `group` and `consumer` may be null or empty.
  Lease chain_of(const Chain& route, const PluginSet* group, const PluginSet* consumer);
  size_t size() const { return entries_.size(); }

 private:
  struct KeyHash {
    size_t operator()(const Key& key) const {
      return (key.route * 0x9e3779b97f4a7c15 + key.group) * 0x9e3779b97f4a7c15 + key.consumer;
    }
  };
  void drop_oldest();

  size_t capacity_;
  std::list<Entry*> by_use_;  // the most recent first
  std::unordered_map<Key, std::list<Entry*>::iterator, KeyHash> entries_;
};

}  // namespace pylon::plugin
