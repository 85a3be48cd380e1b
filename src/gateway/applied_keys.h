// AppliedKeys: which version of each stored key this node has taken over, and a digest of all of
// them per type of resource. Two nodes with the same digests have the same configuration.
//
// The digest is the sum of the hashes of key and value, so a change costs what it touches and the
// order does not matter. It is no protection against somebody who picks values for it.
//
// The keys that a list of the Admin API shows are known in the order of their creation, too, so
// that a page of it is found whatever the number of objects: 16 octets for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "base/key_table.h"
#include "base/ordered_chunks.h"
#include "config/resource.h"

namespace pylon::gateway {

class AppliedKeys {
 public:
  struct Held {
    int64_t mod_revision = 0;
    uint64_t digest = 0;
    int64_t create_revision : 47 = 0;
    bool listed : 1 = false;  // among the items of its type, not of one of these
    std::optional<config::Kind> kind = std::nullopt;  // nothing: no resource
  };
  static_assert(sizeof(Held) == 24);  // of each key that there is
  struct Type {
    size_t objects = 0;
    uint64_t digest = 0;
    int64_t revision = 0;  // of the last change of that type, also an erasure
  };

  // Null: it is not there. Valid until the next change.
  const Held* find(std::string_view key) const;
  // With the digest of key and value.
  void put(std::string_view key, std::string_view value, Held held);
  void put(std::string_view key, const Held& held);
  void erase(std::string_view key, int64_t revision);
  // As if every version were unknown; digests stay.
  void forget_revisions();

  // ---- the items of a type, in the order of their creation, then of their keys
  size_t listed(config::Kind kind) const;
  // visit(key, create_revision) of those from the place `from` to before `end`.
  template <class Visit>
  void for_each_listed(config::Kind kind, size_t from, size_t end, Visit visit) const {
    auto type = listed_.find(kind);
    if (type == listed_.end()) return;
    type->second.for_each(from, end, [&](const Place& place) {
      visit(KeyTable<Held>::key_of(*place.held), place.create_revision);
    });
  }

  // ---- a million keys are not gone through in one turn of the loop: part by part, of kParts; a
  // key stays in its part
  static constexpr size_t kParts = KeyTable<Held>::kParts;
  // visit(key), in any order; it must not change them.
  template <class Visit>
  void for_each_in(size_t part, Visit visit) {
    keys_.for_each_in(part, [&](std::string_view key, const Held&) { visit(key); });
  }
  // Before it dies, so that this takes less long: the part's keys are gone, their digests stay.
  void free_in(size_t part) {
    listed_.clear();
    keys_.clear_in(part);
  }

  size_t size() const { return keys_.size(); }
  const std::map<config::Kind, Type>& types() const { return types_; }

 private:
  struct Place {
    int64_t create_revision;
    const Held* held;  // in keys_
  };
  struct Earlier {
    bool operator()(const Place& a, const Place& b) const {
      if (a.create_revision != b.create_revision) return a.create_revision < b.create_revision;
      return KeyTable<Held>::key_of(*a.held) < KeyTable<Held>::key_of(*b.held);
    }
  };

  void count(const Held& held);
  void discount(const Held& held, const Held& as_it_was);

  KeyTable<Held> keys_;
  std::map<config::Kind, Type> types_;
  std::map<config::Kind, OrderedChunks<Place, Earlier>> listed_;
};

}  // namespace pylon::gateway
