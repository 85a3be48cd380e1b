// PersistentRadix: an immutable radix tree over byte strings whose versions share structure.
//
// Keys are any bytes. Values are shared objects (RefCounted). insert and erase give a new version
// by copying the nodes on the way to the key; lookups allocate nothing and touch no counter, so any
// thread may read a version that somebody keeps alive. Copying, editing and dropping versions
// belongs to one thread (the control thread).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hamt.h"
#include "base/ref.h"

namespace pylon {

// The untyped tree. A node holds the bytes that lead to it, a value when a key ends there, and its
// children sorted by their first byte.
class RadixCore {
 public:
  struct Node {
    uint32_t refs;
    uint32_t prefix_bytes;
    uint64_t edit;  // the edit that made it; while it is freed: the next to free
    const RefCounted* value;
    uint32_t child_count;
    // Then: Node* children[child_count], the first byte of each, the bytes of the prefix.

    Node** children() { return reinterpret_cast<Node**>(this + 1); }
    Node* const* children() const { return reinterpret_cast<Node* const*>(this + 1); }
    char* labels() { return reinterpret_cast<char*>(children() + child_count); }
    const char* labels() const { return reinterpret_cast<const char*>(children() + child_count); }
    char* prefix() { return labels() + child_count; }
    std::string_view prefix_view() const { return {labels() + child_count, prefix_bytes}; }

    const Node* child(char first_byte) const {
      if (child_count == 0) return nullptr;
      const void* at = std::memchr(labels(), first_byte, child_count);
      return at != nullptr ? children()[static_cast<const char*>(at) - labels()] : nullptr;
    }
  };
  using Destroy = void (*)(const RefCounted* value);

  explicit RadixCore(Destroy destroy) : destroy_(destroy) {}
  RadixCore(const RadixCore& other);
  RadixCore(RadixCore&& other) noexcept;
  RadixCore& operator=(RadixCore other) noexcept;
  ~RadixCore() { release(root_); }

  size_t size() const { return size_; }
  const Node* root() const { return root_; }
  const RefCounted* find_exact(std::string_view key) const;
  void insert(std::string_view key, const RefCounted* value, uint64_t edit);
  bool erase(std::string_view key, uint64_t edit);

  // Memory of the nodes of this version, shared ones included. Walks the tree.
  size_t bytes() const;

 private:
  Node* own(Node** slot, uint64_t edit);
  void set_value(Node* node, const RefCounted* value);
  void add_child(Node** slot, Node* child);
  void split(Node** slot, size_t at, uint64_t edit);
  void fold_into_child(Node** slot, uint64_t edit);
  void drop_value(const RefCounted* value) const;
  void release(Node* node) const;

  Destroy destroy_;
  Node* root_ = nullptr;
  size_t size_ = 0;
};

template <class T>
class PersistentRadix {
 public:
  class Editor {
   public:
    explicit Editor(PersistentRadix tree) : tree_(std::move(tree)), edit_(Hamt::next_edit()) {}

    const T* find_exact(std::string_view key) const { return tree_.find_exact(key); }
    void insert(std::string_view key, const Ref<const T>& value) {
      tree_.core_.insert(key, value.get(), edit_);
    }
    bool erase(std::string_view key) { return tree_.core_.erase(key, edit_); }
    PersistentRadix commit() && { return std::move(tree_); }

   private:
    PersistentRadix tree_;
    uint64_t edit_;
  };

  PersistentRadix() : core_([](const RefCounted* value) { delete static_cast<const T*>(value); }) {}

  size_t size() const { return core_.size(); }
  bool empty() const { return size() == 0; }
  size_t bytes() const { return core_.bytes(); }

  const T* find_exact(std::string_view key) const {
    return static_cast<const T*>(core_.find_exact(key));
  }

  // Calls fn(value, length) for each stored key that is a prefix of `key` (itself included), the
  // longest first, until fn returns true. Returns whether it did.
  template <class Fn>
  bool visit_prefixes_longest_first(std::string_view key, Fn&& fn) const;

  // fn(key, value) for each entry, in byte order of the keys.
  template <class Fn>
  void for_each(Fn&& fn) const;

  [[nodiscard]] Editor edit() const { return Editor(*this); }

  // `value` must not be null.
  [[nodiscard]] PersistentRadix insert(std::string_view key, const Ref<const T>& value) const {
    Editor editor = edit();
    editor.insert(key, value);
    return std::move(editor).commit();
  }
  [[nodiscard]] PersistentRadix erase(std::string_view key) const {
    Editor editor = edit();
    editor.erase(key);
    return std::move(editor).commit();
  }

 private:
  struct Found {
    const RefCounted* value;
    size_t length;
  };
  static constexpr size_t kRemembered = 32;  // a power of two

  RadixCore core_;
};

// Keeps the last 32 values of the way down. When all of them were turned down and there were more,
// it walks again to just above the shortest: no allocation however deep the tree.
template <class T>
template <class Fn>
bool PersistentRadix<T>::visit_prefixes_longest_first(std::string_view key, Fn&& fn) const {
  std::array<Found, kRemembered> found;
  size_t below = key.size() + 1;  // only keys shorter than this
  while (true) {
    size_t count = 0;
    size_t at = 0;
    const RadixCore::Node* node = core_.root();
    while (node != nullptr) {
      size_t bytes = node->prefix_bytes;
      if (key.size() - at < bytes || at + bytes >= below ||
          std::memcmp(key.data() + at, node->prefix_view().data(), bytes) != 0) {
        break;
      }
      at += bytes;
      if (node->value != nullptr) found[count++ % kRemembered] = {node->value, at};
      if (at == key.size()) break;
      node = node->child(key[at]);
    }
    size_t kept = count < kRemembered ? count : kRemembered;
    for (size_t i = 1; i <= kept; ++i) {
      const Found& each = found[(count - i) % kRemembered];
      if (fn(*static_cast<const T*>(each.value), each.length)) return true;
      below = each.length;
    }
    if (kept == count) return false;
  }
}

template <class T>
template <class Fn>
void PersistentRadix<T>::for_each(Fn&& fn) const {
  struct Step {
    const RadixCore::Node* node;
    uint32_t next_child;
  };
  std::string key;
  std::vector<Step> path;
  auto enter = [&](const RadixCore::Node* node) {
    key += node->prefix_view();
    path.push_back({node, 0});
    if (node->value != nullptr) fn(std::string_view(key), *static_cast<const T*>(node->value));
  };
  if (core_.root() != nullptr) enter(core_.root());
  while (!path.empty()) {
    Step& step = path.back();
    if (step.next_child < step.node->child_count) {
      enter(step.node->children()[step.next_child++]);
    } else {
      key.resize(key.size() - step.node->prefix_bytes);
      path.pop_back();
    }
  }
}

}  // namespace pylon
