// AppliedKeys: which version of each stored key this node has taken over, and a digest of all of
// them per type of resource. Two nodes with the same digests have the same configuration.
//
// The digest is the sum of the hashes of key and value, so a change costs what it touches and the
// order does not matter. It is no protection against somebody who picks values for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "base/key_table.h"
#include "config/resource.h"

namespace pylon::gateway {

class AppliedKeys {
 public:
  struct Held {
    int64_t mod_revision = 0;
    uint64_t digest = 0;
    std::optional<config::Kind> kind;  // nothing: no resource
  };
  struct Type {
    size_t objects = 0;
    uint64_t digest = 0;
    int64_t revision = 0;  // of the last change of that type, also an erasure
  };

  // Null: it is not there. Valid until the next change.
  const Held* find(std::string_view key) const;
  void put(std::string_view key, std::string_view value, int64_t mod_revision,
           std::optional<config::Kind> kind);
  void put(std::string_view key, const Held& held);
  void erase(std::string_view key, int64_t revision);
  // As if every version were unknown; digests stay.
  void forget_revisions();

  // ---- a million keys are not gone through in one turn of the loop: part by part, of kParts; a
  // key stays in its part
  static constexpr size_t kParts = KeyTable<Held>::kParts;
  // visit(key), in any order; it must not change them.
  template <class Visit>
  void for_each_in(size_t part, Visit visit) {
    keys_.for_each_in(part, [&](std::string_view key, const Held&) { visit(key); });
  }
  // Before it dies, so that this takes less long: the part's keys are gone, their digests stay.
  void free_in(size_t part) { keys_.clear_in(part); }

  size_t size() const { return keys_.size(); }
  const std::map<config::Kind, Type>& types() const { return types_; }

 private:
  void drop(const Held& held);

  KeyTable<Held> keys_;
  std::map<config::Kind, Type> types_;
};

}  // namespace pylon::gateway
