#include "upstream/dns_cache.h"

#include <utility>

namespace pylon::upstream::dns {

const Resolved* Cache::find(std::string_view host, int64_t now_us) {
  auto found = entries_.find(host);
  if (found == entries_.end() || found->second.resolved.good_until_us <= now_us) return nullptr;
  ++hits_;
  touch(found->second);
  return &found->second.resolved;
}

const Resolved& Cache::store(std::string_view host, Resolved resolved) {
  auto found = entries_.find(host);
  if (found == entries_.end()) {
    make_room();
    order_.emplace_front(host);
    Entry entry{std::move(resolved), order_.begin()};
    return entries_.emplace(host, std::move(entry)).first->second.resolved;
  }
  touch(found->second);
  Resolved& known = found->second.resolved;
  if (!resolved.ok() && known.ok()) {
    known.stale = true;
    known.good_until_us = resolved.good_until_us;
  } else {
    known = std::move(resolved);
  }
  return known;
}

void Cache::make_room() {
  if (entries_.size() < capacity_) return;
  entries_.erase(order_.back());
  order_.pop_back();
  ++evictions_;
}

}  // namespace pylon::upstream::dns
