// Health: which nodes may be used. One owner per process: the control thread, where the checkers
// are; workers only read.
//
// Upstreams with `checks` have a group, named by the resource that carries them; a group has a cell
// for each node, found by its address and host name. Groups and cells outlive versions of the
// configuration: what is known of a node stays when its weight, its timeouts or its neighbours
// change. Upstreams without `checks` have no group and every node of theirs may be used.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "base/ref.h"

namespace pylon::upstream {

// In APISIX's words: "mostly" means that some probes, but not enough, have said the opposite.
enum class HealthState : uint8_t { healthy, mostly_healthy, mostly_unhealthy, unhealthy };
std::string_view health_state_name(HealthState state);

constexpr bool is_usable(HealthState state) { return state <= HealthState::mostly_healthy; }

// One node. Its state may be read by any thread that keeps the cell's upstream pinned.
class HealthCell final : public RefCounted {
 public:
  HealthCell(std::string_view address, std::string_view host) : address_(address), host_(host) {}

  HealthState state() const { return state_.load(std::memory_order_relaxed); }
  bool usable() const { return is_usable(state()); }
  const std::string& address() const { return address_; }  // "10.0.0.1:80"
  const std::string& host() const { return host_; }        // as configured: a name or an address

 private:
  friend class HealthGroup;
  std::string address_;
  std::string host_;
  std::atomic<HealthState> state_{HealthState::healthy};
};

class HealthGroup final : public RefCounted {
 public:
  explicit HealthGroup(std::string_view key) : key_(key) {}

  const std::string& key() const { return key_; }

  // Rises whenever a node becomes usable or stops being it: what workers made of the states is then
  // out of date. Any thread.
  uint32_t version() const { return version_.load(std::memory_order_acquire); }

  // Control thread. The cell of a node, healthy when it is new.
  Ref<HealthCell> cell(std::string_view address, std::string_view host);
  void set_state(HealthCell& cell, HealthState state);
  // Forgets the nodes that no upstream holds any more.
  void prune();
  size_t size() const { return cells_.size(); }
  template <class Fn>
  void for_each(Fn&& fn) const {
    for (const auto& [key, cell] : cells_) fn(*cell);
  }

 private:
  std::string key_;
  std::atomic<uint32_t> version_{0};
  StringMap<Ref<HealthCell>> cells_;
};

// Control thread.
class HealthTable {
 public:
  // The group of that resource ("/apisix/upstreams/1"), made when it is new.
  Ref<HealthGroup> group(std::string_view key);
  const HealthGroup* find(std::string_view key) const;  // null: no checks there
  // The resource is gone; upstreams that are still pinned keep the group alive.
  void forget(std::string_view key);
  size_t size() const { return groups_.size(); }
  // fn(key, group)
  template <class Fn>
  void for_each(Fn&& fn) const {
    for (const auto& [key, group] : groups_) fn(key, *group);
  }

 private:
  StringMap<Ref<HealthGroup>> groups_;
};

}  // namespace pylon::upstream
