// Hamt: the untyped hash array mapped trie under PersistentMap; use that one.
//
// A branch has up to 64 slots, chosen by six bits of the hash per level; a slot holds a leaf or a
// branch (lowest bit set: a leaf). Below the last bits of the hash a branch is a bucket: a list of
// leaves whose hashes are equal. Nodes are shared between versions and counted by the thread that
// edits; a node made by the running edit is changed in place. Source: Bagwell, Ideal Hash Trees,
// 2001.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace pylon {

class Hamt {
 public:
  struct Leaf {
    explicit Leaf(uint64_t hash_of_key) : hash(hash_of_key) {}
    uint32_t refs = 1;
    uint64_t hash;
  };
  struct Operations {
    bool (*same_key)(const Leaf& a, const Leaf& b);
    void (*destroy)(Leaf* leaf);
  };
  using Slot = uintptr_t;  // 0: empty
  struct Branch {
    uint32_t refs;
    uint32_t count;
    uint64_t bitmap;  // which of the 64 positions are filled; unused in a bucket
    uint64_t edit;    // the edit that made it; while it is freed: the next to free
    Slot slots[];
  };

  static constexpr unsigned kBitsPerLevel = 6;
  static constexpr unsigned kBucketShift = 66;  // all 64 bits are used up

  explicit Hamt(const Operations& operations) : operations_(&operations) {}
  Hamt(const Hamt& other);
  Hamt(Hamt&& other) noexcept;
  Hamt& operator=(Hamt other) noexcept;
  ~Hamt() { release(root_); }

  size_t size() const { return size_; }
  static uint64_t next_edit();

  // Takes the leaf over; replaces the one with the same key.
  void insert(Leaf* leaf, uint64_t edit) { insert_at(&root_, leaf, 0, edit); }
  // As if each were inserted, one after the other. Brings them into the order of the trie, and
  // looks at no leaf for that.
  struct Hashed {
    uint64_t hash;  // the leaf's
    Leaf* leaf;
  };
  void insert_all(std::span<Hashed> leaves, uint64_t edit);
  // False when no leaf has that key. `probe` only lends its key.
  bool erase(const Leaf& probe, uint64_t edit);

  template <class SameKey>
  const Leaf* find(uint64_t hash, SameKey&& same_key) const;
  template <class Fn>
  void for_each(Fn&& fn) const;

  static bool is_leaf(Slot slot) { return (slot & 1) != 0; }
  static Leaf* as_leaf(Slot slot) { return reinterpret_cast<Leaf*>(slot & ~Slot{1}); }
  static Branch* as_branch(Slot slot) { return reinterpret_cast<Branch*>(slot); }

 private:
  static uint64_t bit_at(uint64_t hash, unsigned shift) {
    return uint64_t{1} << ((hash >> shift) & 63);
  }
  static unsigned index_of(uint64_t bitmap, uint64_t bit) {
    return static_cast<unsigned>(std::popcount(bitmap & (bit - 1)));
  }
  template <class Fn>
  static void for_each_in(Slot slot, Fn& fn);

  void insert_at(Slot* slot, Leaf* leaf, unsigned shift, uint64_t edit);
  void insert_run(Slot* slot, std::span<const Hashed> run, unsigned shift, uint64_t edit);
  Branch* own(Slot* slot, uint64_t edit);
  bool insert_into_bucket(Slot* slot, Leaf* leaf, uint64_t edit);
  int position_in_bucket(const Branch& bucket, const Leaf& probe) const;
  const Leaf* find_same(const Leaf& probe) const;
  void release(Slot slot) const;

  const Operations* operations_;
  Slot root_ = 0;
  size_t size_ = 0;
};

template <class SameKey>
const Hamt::Leaf* Hamt::find(uint64_t hash, SameKey&& same_key) const {
  Slot slot = root_;
  for (unsigned shift = 0; slot != 0 && !is_leaf(slot); shift += kBitsPerLevel) {
    const Branch& branch = *as_branch(slot);
    if (shift >= kBucketShift) {
      for (unsigned i = 0; i < branch.count; ++i) {
        if (same_key(*as_leaf(branch.slots[i]))) return as_leaf(branch.slots[i]);
      }
      return nullptr;
    }
    uint64_t bit = bit_at(hash, shift);
    if ((branch.bitmap & bit) == 0) return nullptr;
    slot = branch.slots[index_of(branch.bitmap, bit)];
  }
  if (slot == 0) return nullptr;
  const Leaf* leaf = as_leaf(slot);
  return leaf->hash == hash && same_key(*leaf) ? leaf : nullptr;
}

template <class Fn>
void Hamt::for_each_in(Slot slot, Fn& fn) {
  if (is_leaf(slot)) return fn(*as_leaf(slot));
  const Branch& branch = *as_branch(slot);
  for (uint32_t i = 0; i < branch.count; ++i) for_each_in(branch.slots[i], fn);
}

template <class Fn>
void Hamt::for_each(Fn&& fn) const {
  if (root_ != 0) for_each_in(root_, fn);
}

}  // namespace pylon
