// PersistentMap: an immutable hash map whose versions share structure.
//
// insert and erase give a new version in O(log n) and leave the old one as it is; find allocates
// nothing and touches no counter, so any thread may read a version that somebody keeps alive.
// Copying, editing and dropping versions belongs to one thread (the control thread). For many
// changes at once use edit(): nodes made by the edit are changed in place.
//
//   PersistentMap<Ref<Route>> routes;
//   auto edit = routes.edit();
//   edit.insert("1", route);
//   auto next = std::move(edit).commit();
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hamt.h"
#include "base/hash.h"

namespace pylon {

// Traits of a key: how it is kept, how it is passed, hashed and compared.
struct StringKey {
  using Stored = std::string;
  using View = std::string_view;
  static uint64_t hash(View key) { return hash_bytes(key); }
  static bool equal(const Stored& stored, View key) { return stored == key; }
};

template <class Value, class Traits = StringKey>
class PersistentMap {
 public:
  using View = typename Traits::View;

 private:
  struct Node : Hamt::Leaf {
    Node(uint64_t hash, View view, Value v) : Leaf(hash), key(view), value(std::move(v)) {}
    typename Traits::Stored key;
    Value value;
  };

 public:
  // What is inserted waits until it is asked for, and goes in ordered by its hash: a first load
  // makes each branch once, and misses the cache less.
  class Editor {
   public:
    explicit Editor(PersistentMap map) : map_(std::move(map)), edit_(Hamt::next_edit()) {}
    Editor(Editor&&) noexcept = default;
    Editor& operator=(Editor&&) = delete;
    ~Editor() { flush(); }

    const Value* find(View key) {
      flush();
      return map_.find(key);
    }
    void insert(View key, Value value) {
      uint64_t hash = Traits::hash(key);
      waiting_.push_back({hash, new Node(hash, key, std::move(value))});
      if (waiting_.size() == kMostWaiting) flush();
    }
    bool erase(View key) {
      flush();
      const Node* node = map_.find_node(key);
      return node != nullptr && map_.trie_.erase(*node, edit_);
    }
    PersistentMap commit() && {
      flush();
      return std::move(map_);
    }

   private:
    static constexpr size_t kMostWaiting = 1 << 20;

    void flush() {
      map_.trie_.insert_all(waiting_, edit_);
      waiting_.clear();
    }

    PersistentMap map_;
    uint64_t edit_;
    std::vector<Hamt::Hashed> waiting_;  // its leaves are the editor's
  };

  PersistentMap() : trie_(kOperations) {}

  size_t size() const { return trie_.size(); }
  bool empty() const { return size() == 0; }

  const Value* find(View key) const {
    const Node* node = find_node(key);
    return node != nullptr ? &node->value : nullptr;
  }

  [[nodiscard]] Editor edit() const { return Editor(*this); }

  [[nodiscard]] PersistentMap insert(View key, Value value) const {
    Editor editor = edit();
    editor.insert(key, std::move(value));
    return std::move(editor).commit();
  }
  [[nodiscard]] PersistentMap erase(View key) const {
    Editor editor = edit();
    editor.erase(key);
    return std::move(editor).commit();
  }

  // fn(key, value) for each entry, in no particular order.
  template <class Fn>
  void for_each(Fn&& fn) const {
    trie_.for_each([&](const Hamt::Leaf& leaf) {
      const Node& node = static_cast<const Node&>(leaf);
      fn(View(node.key), node.value);
    });
  }

 private:
  static bool same_key(const Hamt::Leaf& a, const Hamt::Leaf& b) {
    return Traits::equal(static_cast<const Node&>(a).key, View(static_cast<const Node&>(b).key));
  }
  static void destroy(Hamt::Leaf* leaf) { delete static_cast<Node*>(leaf); }
  static constexpr Hamt::Operations kOperations{same_key, destroy};

  const Node* find_node(View key) const {
    return static_cast<const Node*>(trie_.find(Traits::hash(key), [&](const Hamt::Leaf& leaf) {
      return Traits::equal(static_cast<const Node&>(leaf).key, key);
    }));
  }

  Hamt trie_;
};

}  // namespace pylon
