// KeyTable: texts with a small value each, in as little memory as that takes.
//
// An entry is one allocation, of its value and its text; a hash table of pointers finds it. Half of
// each hash lies in the table, too: an entry is looked at only when it is the one, which is what a
// million keys cost. The table lies in parts that grow each by itself: no call takes long however
// many keys there are, and whoever goes through all of them may do so part by part, with changes in
// between. One thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/hash.h"

namespace pylon {

template <class Value>
class KeyTable {
  static_assert(std::is_trivially_copyable_v<Value> && alignof(Value) <= alignof(uint64_t));

 public:
  static constexpr size_t kParts = 256;

  KeyTable() : parts_(std::make_unique<Parts>()) {}
  KeyTable(KeyTable&& other) noexcept : KeyTable() { swap(other); }
  KeyTable& operator=(KeyTable&& other) noexcept {
    swap(other);
    return *this;
  }
  ~KeyTable() { clear(); }

  // Null: it is not there. Valid until the key is erased.
  Value* find(std::string_view key) {
    uint64_t hash = hash_guarded(key);
    Entry* entry = part_of(hash).at(key, hash);
    return entry != nullptr ? &entry->value : nullptr;
  }
  const Value* find(std::string_view key) const { return const_cast<KeyTable*>(this)->find(key); }

  // The key's value, and whether it is the one given: false when the key was there. A key has at
  // most 4 GiB.
  std::pair<Value*, bool> try_emplace(std::string_view key, const Value& value) {
    uint64_t hash = hash_guarded(key);
    Part& part = part_of(hash);
    if (Entry* known = part.at(key, hash)) return {&known->value, false};
    Entry* entry = Entry::make(key, value);
    part.insert(entry, hash);
    return {&entry->value, true};
  }

  // Of a value that lies in a table.
  static std::string_view key_of(const Value& value) {
    static_assert(std::is_standard_layout_v<Entry> && offsetof(Entry, value) == 0);
    return const_cast<Entry*>(reinterpret_cast<const Entry*>(&value))->key();
  }

  bool erase(std::string_view key) {
    uint64_t hash = hash_guarded(key);
    Part& part = part_of(hash);
    Entry* entry = part.at(key, hash);
    if (entry == nullptr) return false;
    part.remove(entry, hash);
    Entry::end(entry);
    return true;
  }

  void clear() {
    for (size_t part = 0; part < kParts; ++part) clear_in(part);
  }
  // One part, of kParts.
  void clear_in(size_t part) {
    for (Entry* entry : (*parts_)[part].slots) Entry::end(entry);
    (*parts_)[part] = Part();
  }

  size_t size() const {
    size_t sum = 0;
    for (const Part& part : *parts_) sum += part.count;
    return sum;
  }

  // visit(key, value), in any order; it must not change the table.
  template <class Visit>
  void for_each(Visit visit) {
    for (size_t part = 0; part < kParts; ++part) for_each_in(part, visit);
  }
  template <class Visit>
  void for_each(Visit visit) const {
    const_cast<KeyTable*>(this)->for_each(
        [&](std::string_view key, const Value& value) { visit(key, value); });
  }
  // Those of one part, of kParts. A key stays in its part.
  template <class Visit>
  void for_each_in(size_t part, Visit visit) {
    for (Entry* entry : (*parts_)[part].slots) {
      if (entry != nullptr) visit(entry->key(), entry->value);
    }
  }

 private:
  // The text lies right behind it.
  struct Entry {
    Value value;
    uint32_t key_bytes;

    char* text() { return reinterpret_cast<char*>(&key_bytes) + sizeof key_bytes; }
    std::string_view key() { return {text(), key_bytes}; }

    static Entry* make(std::string_view key, const Value& value) {
      size_t head_bytes = offsetof(Entry, key_bytes) + sizeof key_bytes;
      void* memory = ::operator new(std::max(sizeof(Entry), head_bytes + key.size()));
      auto* entry = new (memory) Entry{value, static_cast<uint32_t>(key.size())};
      std::memcpy(entry->text(), key.data(), key.size());
      return entry;
    }
    static void end(Entry* entry) { ::operator delete(entry); }
  };

  // Open addressing, one step at a time; what is erased leaves no mark.
  struct Part {
    std::vector<Entry*> slots;   // a power of two of them; null: free
    std::vector<uint32_t> tags;  // of each slot: what its hash ends in
    size_t count = 0;

    static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash); }
    size_t home(uint32_t tag) const { return tag & (slots.size() - 1); }
    size_t after(size_t slot) const { return (slot + 1) & (slots.size() - 1); }

    Entry* at(std::string_view key, uint64_t hash) const {
      if (slots.empty()) return nullptr;
      uint32_t tag = tag_of(hash);
      size_t slot = home(tag);
      auto another = [&] { return tags[slot] != tag || slots[slot]->key() != key; };
      while (slots[slot] != nullptr && another()) slot = after(slot);
      return slots[slot];
    }

    void insert(Entry* entry, uint64_t hash) {
      if (count >= slots.size() / 4 * 3) grow();
      place(entry, tag_of(hash));
      ++count;
    }

    void place(Entry* entry, uint32_t tag) {
      size_t slot = home(tag);
      while (slots[slot] != nullptr) slot = after(slot);
      slots[slot] = entry;
      tags[slot] = tag;
    }

    void grow() {
      size_t room = slots.empty() ? 8 : 2 * slots.size();
      std::vector<Entry*> entries = std::exchange(slots, std::vector<Entry*>(room));
      std::vector<uint32_t> theirs = std::exchange(tags, std::vector<uint32_t>(room));
      for (size_t slot = 0; slot < entries.size(); ++slot) {
        if (entries[slot] != nullptr) place(entries[slot], theirs[slot]);
      }
    }

    // Those behind it move up, when they would not be found across the gap.
    void remove(const Entry* entry, uint64_t hash) {
      size_t gap = home(tag_of(hash));
      while (slots[gap] != entry) gap = after(gap);
      for (size_t slot = after(gap); slots[slot] != nullptr; slot = after(slot)) {
        size_t mask = slots.size() - 1;
        bool reached_from_gap = ((slot - home(tags[slot])) & mask) >= ((slot - gap) & mask);
        if (!reached_from_gap) continue;
        tags[gap] = tags[slot];
        slots[std::exchange(gap, slot)] = slots[slot];
      }
      slots[gap] = nullptr;
      --count;
    }
  };
  using Parts = std::array<Part, kParts>;

  Part& part_of(uint64_t hash) {
    return (*parts_)[hash >> (std::numeric_limits<uint64_t>::digits - std::countr_zero(kParts))];
  }
  void swap(KeyTable& other) noexcept { parts_.swap(other.parts_); }

  std::unique_ptr<Parts> parts_;
};

}  // namespace pylon
