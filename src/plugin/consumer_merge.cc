#include "plugin/consumer_merge.h"

namespace pylon::plugin {

ConsumerMerge::~ConsumerMerge() {
  while (!by_use_.empty()) drop_oldest();
}

ConsumerMerge::Lease ConsumerMerge::chain_of(const Chain& route, const PluginSet* group,
                                             const PluginSet* consumer) {
  Key key{route.serial(), group != nullptr ? group->serial() : 0,
          consumer != nullptr ? consumer->serial() : 0};
  if (auto found = entries_.find(key); found != entries_.end()) {
    by_use_.splice(by_use_.begin(), by_use_, found->second);
    return Lease(*found->second);
  }
  if (entries_.size() >= capacity_) drop_oldest();
  auto* entry = new Entry{key, Chain::merge(route, group, consumer)};
  by_use_.push_front(entry);
  entries_.emplace(key, by_use_.begin());
  return Lease(entry);
}

void ConsumerMerge::drop_oldest() {
  Entry* entry = by_use_.back();
  by_use_.pop_back();
  entries_.erase(entry->key);
  entry->cached = false;
  if (entry->leases == 0) delete entry;
}

}  // namespace pylon::plugin
