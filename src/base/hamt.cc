#include "base/hamt.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace pylon {
namespace {

using Branch = Hamt::Branch;
using Leaf = Hamt::Leaf;
using Slot = Hamt::Slot;

Slot slot_of(Leaf* leaf) { return reinterpret_cast<Slot>(leaf) | 1; }
Slot slot_of(Branch* branch) { return reinterpret_cast<Slot>(branch); }

Branch* make_branch(uint32_t count, uint64_t bitmap, uint64_t edit) {
  auto* branch = static_cast<Branch*>(std::malloc(sizeof(Branch) + count * sizeof(Slot)));
  if (branch == nullptr) std::abort();
  branch->refs = 1;
  branch->bitmap = bitmap;
  branch->edit = edit;
  branch->count = count;
  return branch;
}

void retain(Slot slot) {
  if (Hamt::is_leaf(slot)) {
    ++Hamt::as_leaf(slot)->refs;
  } else if (slot != 0) {
    ++Hamt::as_branch(slot)->refs;
  }
}

// An owned branch with one more slot at `index`. The old one is freed, its slots move over.
Branch* with_slot(Branch* old, unsigned index, Slot slot, uint64_t bitmap) {
  Branch* grown = make_branch(old->count + 1, bitmap, old->edit);
  std::memcpy(grown->slots, old->slots, index * sizeof(Slot));
  grown->slots[index] = slot;
  std::memcpy(grown->slots + index + 1, old->slots + index, (old->count - index) * sizeof(Slot));
  std::free(old);
  return grown;
}

void remove_slot(Branch* branch, unsigned index) {
  --branch->count;
  std::memmove(branch->slots + index, branch->slots + index + 1,
               (branch->count - index) * sizeof(Slot));
}

}  // namespace

Hamt::Hamt(const Hamt& other)
    : operations_(other.operations_), root_(other.root_), size_(other.size_) {
  retain(root_);
}

Hamt::Hamt(Hamt&& other) noexcept
    : operations_(other.operations_),
      root_(std::exchange(other.root_, 0)),
      size_(std::exchange(other.size_, 0)) {}

Hamt& Hamt::operator=(Hamt other) noexcept {
  std::swap(operations_, other.operations_);
  std::swap(root_, other.root_);
  std::swap(size_, other.size_);
  return *this;
}

uint64_t Hamt::next_edit() {
  static std::atomic<uint64_t> last_edit{0};
  return last_edit.fetch_add(1, std::memory_order_relaxed) + 1;
}

// Makes the branch in `slot` one that only this edit knows, copying it when it is shared.
Branch* Hamt::own(Slot* slot, uint64_t edit) {
  Branch* branch = as_branch(*slot);
  if (branch->edit == edit) return branch;
  Branch* copy = make_branch(branch->count, branch->bitmap, edit);
  std::memcpy(copy->slots, branch->slots, branch->count * sizeof(Slot));
  for (uint32_t i = 0; i < copy->count; ++i) retain(copy->slots[i]);
  release(*slot);
  *slot = slot_of(copy);
  return copy;
}

int Hamt::position_in_bucket(const Branch& bucket, const Leaf& probe) const {
  for (unsigned i = 0; i < bucket.count; ++i) {
    if (operations_->same_key(*as_leaf(bucket.slots[i]), probe)) return static_cast<int>(i);
  }
  return -1;
}

// True when the bucket has one leaf more than before.
bool Hamt::insert_into_bucket(Slot* slot, Leaf* leaf, uint64_t edit) {
  Branch* bucket = own(slot, edit);
  int at = position_in_bucket(*bucket, *leaf);
  if (at >= 0) {
    release(std::exchange(bucket->slots[at], slot_of(leaf)));
    return false;
  }
  *slot = slot_of(with_slot(bucket, bucket->count, slot_of(leaf), 0));
  return true;
}

void Hamt::insert_at(Slot* slot, Leaf* leaf, unsigned shift, uint64_t edit) {
  for (;; shift += kBitsPerLevel) {
    if (*slot == 0) {
      *slot = slot_of(leaf);
      ++size_;
      return;
    }
    if (is_leaf(*slot)) {
      Leaf* old = as_leaf(*slot);
      if (old->hash == leaf->hash && operations_->same_key(*old, *leaf)) {
        *slot = slot_of(leaf);
        release(slot_of(old));
        return;
      }
      uint64_t bitmap = shift >= kBucketShift ? 0 : bit_at(old->hash, shift);
      Branch* split = make_branch(1, bitmap, edit);
      split->slots[0] = *slot;
      *slot = slot_of(split);
    }
    if (shift >= kBucketShift) {
      size_ += insert_into_bucket(slot, leaf, edit);
      return;
    }
    Branch* branch = own(slot, edit);
    uint64_t bit = bit_at(leaf->hash, shift);
    unsigned index = index_of(branch->bitmap, bit);
    if ((branch->bitmap & bit) == 0) {
      *slot = slot_of(with_slot(branch, index, slot_of(leaf), branch->bitmap | bit));
      ++size_;
      return;
    }
    slot = &branch->slots[index];
  }
}

void Hamt::insert_all(std::span<Hashed> leaves, uint64_t edit) {
  constexpr size_t kFew = 64;  // not worth a sort
  // The trie takes the lowest bits of a hash first. Of equal keys the last one has to win.
  auto order = [](const Hashed& a, const Hashed& b) {
    uint64_t differing = a.hash ^ b.hash;
    return (b.hash & differing & (~differing + 1)) != 0;
  };
  if (leaves.size() > kFew) {
    std::stable_sort(leaves.begin(), leaves.end(), order);
    return insert_run(&root_, leaves, 0, edit);
  }
  for (const Hashed& each : leaves) insert(each.leaf, edit);
}

// Leaves in the order of the trie, whose hashes are the same below `shift`. Where nothing was, a
// branch is made at once as large as it will be.
void Hamt::insert_run(Slot* slot, std::span<const Hashed> run, unsigned shift, uint64_t edit) {
  bool one_hash = run.front().hash == run.back().hash;
  if (*slot != 0 || one_hash) {
    for (const Hashed& each : run) insert_at(slot, each.leaf, shift, edit);
    return;
  }
  uint64_t bitmap = 0;
  for (const Hashed& each : run) bitmap |= bit_at(each.hash, shift);
  Branch* branch = make_branch(static_cast<uint32_t>(std::popcount(bitmap)), bitmap, edit);
  *slot = slot_of(branch);
  for (size_t begin = 0, end = 0; begin < run.size(); begin = end) {
    uint64_t bit = bit_at(run[begin].hash, shift);
    while (end < run.size() && bit_at(run[end].hash, shift) == bit) ++end;
    Slot& below = branch->slots[index_of(bitmap, bit)];
    below = 0;
    insert_run(&below, run.subspan(begin, end - begin), shift + kBitsPerLevel, edit);
  }
}

const Leaf* Hamt::find_same(const Leaf& probe) const {
  return find(probe.hash, [&](const Leaf& leaf) { return operations_->same_key(leaf, probe); });
}

bool Hamt::erase(const Leaf& probe, uint64_t edit) {
  if (find_same(probe) == nullptr) return false;
  --size_;
  std::array<Slot*, kBucketShift / kBitsPerLevel + 2> path;
  unsigned depth = 0;
  Slot* slot = &root_;
  unsigned index = 0;
  for (unsigned shift = 0; !is_leaf(*slot); shift += kBitsPerLevel) {
    Branch* branch = own(slot, edit);
    path[depth++] = slot;
    index = shift >= kBucketShift ? static_cast<unsigned>(position_in_bucket(*branch, probe))
                                  : index_of(branch->bitmap, bit_at(probe.hash, shift));
    slot = &branch->slots[index];
  }
  const uint64_t hash = probe.hash;  // the probe may be the leaf that dies here
  release(std::exchange(*slot, 0));
  if (depth == 0) return true;
  Branch* holder = as_branch(*path[depth - 1]);
  unsigned shift = (depth - 1) * kBitsPerLevel;
  remove_slot(holder, index);
  if (shift < kBucketShift) holder->bitmap &= ~bit_at(hash, shift);
  // A branch left with a single leaf is replaced by that leaf, upwards.
  while (depth > 0) {
    Slot* at = path[--depth];
    Branch* branch = as_branch(*at);
    if (branch->count > 1 || !is_leaf(branch->slots[0])) break;
    *at = branch->slots[0];
    std::free(branch);
  }
  return true;
}

// Drops one reference; frees what nobody shares, with a list instead of recursion.
void Hamt::release(Slot slot) const {
  Branch* dead = nullptr;
  auto drop = [&](Slot each) {
    if (each == 0) return;
    if (is_leaf(each)) {
      if (--as_leaf(each)->refs == 0) operations_->destroy(as_leaf(each));
    } else if (--as_branch(each)->refs == 0) {
      as_branch(each)->edit = reinterpret_cast<uint64_t>(dead);
      dead = as_branch(each);
    }
  };
  drop(slot);
  while (dead != nullptr) {
    Branch* branch = dead;
    dead = reinterpret_cast<Branch*>(branch->edit);
    for (uint32_t i = 0; i < branch->count; ++i) drop(branch->slots[i]);
    std::free(branch);
  }
}

}  // namespace pylon
