// Registry: the definitions of the `protos` resources, by id.
//
// Changed on the control thread. A slot is read by any thread, and stays the same while definitions
// come and go, so whoever refers to an id need not be told of a change.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/hash.h"
#include "base/result.h"
#include "protobuf/schema.h"

namespace pylon::protobuf {

class Registry {
 public:
  static constexpr std::string_view kService = "protos";  // its key among the services of plugins

  using SchemaPtr = std::shared_ptr<const Schema>;
  class Slot {
   public:
    SchemaPtr load() const { return schema_.load(std::memory_order_acquire); }  // null: none

   private:
    friend class Registry;
    std::atomic<SchemaPtr> schema_;
  };

  std::shared_ptr<const Slot> slot(std::string_view id) { return place(id); }
  // On an error the last good definition stays.
  Result<void> put(std::string_view id, std::string_view content) {
    Result<SchemaPtr> schema = Schema::compile(content);
    if (!schema) return tl::unexpected(schema.error());
    place(id)->schema_.store(std::move(*schema), std::memory_order_release);
    return {};
  }
  // Forgets the id once nobody refers to it.
  void erase(std::string_view id) {
    auto found = slots_.find(id);
    if (found == slots_.end()) return;
    found->second->schema_.store(nullptr, std::memory_order_release);
    if (found->second.use_count() == 1) slots_.erase(found);
  }

 private:
  std::shared_ptr<Slot> place(std::string_view id) {
    auto found = slots_.find(id);
    if (found == slots_.end()) {
      found = slots_.emplace(std::string(id), std::make_shared<Slot>()).first;
    }
    return found->second;
  }

  StringMap<std::shared_ptr<Slot>> slots_;
};

}  // namespace pylon::protobuf
