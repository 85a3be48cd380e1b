// UpstreamNames: the slots of upstreams that are found by name, so that a plugin which chooses one
// settles on its slot when it is made, and a request looks nothing up by a text.
//
// A name is the id of an upstream, or what config::inner_upstream_name() says of one that is
// written within a plugin's configuration. Who holds a name has a slot for it whether the upstream
// is there or not: it gets that slot when it comes. Control thread; outlives all holders.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/hash.h"
#include "base/ref.h"
#include "http/exchange.h"
#include "upstream/dense_ids.h"

namespace pylon::plugin {

class UpstreamNames {
 public:
  // A hold on one name; empty: on none. Movable.
  class Hold {
   public:
    Hold() = default;
    Hold(Hold&& other) noexcept
        : names_(std::exchange(other.names_, nullptr)),
          name_(std::move(other.name_)),
          slot_(other.slot_) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(names_, other.names_);
      std::swap(name_, other.name_);
      std::swap(slot_, other.slot_);
      return *this;
    }
    ~Hold() {
      if (names_ != nullptr) names_->let_go(name_);
    }

    // For Exchange::chosen_upstream.
    uint32_t slot() const { return slot_; }

   private:
    friend class UpstreamNames;
    Hold(UpstreamNames& names, std::string_view name, uint32_t slot)
        : names_(&names), name_(name), slot_(slot) {}

    UpstreamNames* names_ = nullptr;
    std::string name_;
    uint32_t slot_ = http::kNoUpstream;
  };

  UpstreamNames() = default;
  UpstreamNames(const UpstreamNames&) = delete;
  UpstreamNames& operator=(const UpstreamNames&) = delete;

  Hold hold(std::string_view name) {
    Entry& entry = names_.try_emplace(std::string(name)).first->second;
    if (!entry.slot) entry.slot = make_ref<const upstream::SharedId>(ids_);
    entry.holders++;
    return Hold(*this, name, entry.slot->id().index);
  }

  // ---- for whoever makes upstreams

  // What all of them take their slots from.
  const upstream::DenseIds& ids() const { return ids_; }
  // The slot that waits for the upstream; null: nobody has asked for it.
  Ref<const upstream::SharedId> slot_of(std::string_view name) const {
    auto found = names_.find(name);
    return found != names_.end() ? found->second.slot : Ref<const upstream::SharedId>();
  }
  // The upstream is there, with this slot: that of slot_of() if that gave one.
  void add(std::string_view name, Ref<const upstream::SharedId> slot) {
    Entry& entry = names_.try_emplace(std::string(name)).first->second;
    entry.slot = std::move(slot);
    entry.exists = true;
  }
  void remove(std::string_view name) {
    auto found = names_.find(name);
    if (found == names_.end()) return;
    found->second.exists = false;
    if (found->second.holders == 0) names_.erase(found);
  }

 private:
  struct Entry {
    Ref<const upstream::SharedId> slot;
    size_t holders = 0;
    bool exists = false;
  };

  void let_go(std::string_view name) {
    auto found = names_.find(name);
    if (--found->second.holders == 0 && !found->second.exists) names_.erase(found);
  }

  upstream::DenseIds ids_;
  StringMap<Entry> names_;
};

}  // namespace pylon::plugin
