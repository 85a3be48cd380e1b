// Plugin metadata: one value per plugin, shared by all its instances, part of the snapshot.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/ref.h"
#include "http/exchange.h"
#include "plugin/context.h"
#include "plugin/type.h"

namespace pylon::plugin {

// The metadata of all plugins at one revision, by slot. Immutable; reached as exchange.metadata.
class MetadataSet : public RefCounted {
 public:
  explicit MetadataSet(std::vector<Ref<const MetadataValue>> by_slot)
      : by_slot_(std::move(by_slot)) {}

  const void* at(uint32_t slot) const {
    return slot < by_slot_.size() && by_slot_[slot] ? by_slot_[slot]->object() : nullptr;
  }

 private:
  std::vector<Ref<const MetadataValue>> by_slot_;
};

// Where a plugin finds its Metadata; take one in the constructor. Never set: the defaults.
template <class T>
class MetadataSlot {
 public:
  explicit MetadataSlot(const Context& context) : slot_(slot_of(context)) {}

  const T& in(const http::Exchange& exchange) const {
    static const T defaults{};
    const void* found = exchange.metadata != nullptr ? exchange.metadata->at(slot_) : nullptr;
    return found != nullptr ? *static_cast<const T*>(found) : defaults;
  }

 private:
  static uint32_t slot_of(const Context& context) {
    return context.services.metadata_slot(context.plugin);
  }
  uint32_t slot_;
};

}  // namespace pylon::plugin
