// ArenaText: octets that grow by moving, in an arena, for whoever has no destructor.
//
// What was outgrown stays in the arena until the arena ends: all in all less than twice what is
// held. Cleared, it is filled again from the start.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "base/arena.h"

namespace pylon {

class ArenaText {
 public:
  explicit ArenaText(Arena& arena) : arena_(arena) {}

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {octets_, size_}; }
  void clear() { size_ = 0; }
  void append(std::string_view more) {
    if (more.empty()) return;
    if (size_ + more.size() > capacity_) grow(size_ + more.size());
    std::copy(more.begin(), more.end(), octets_ + size_);
    size_ += more.size();
  }
  // Drops octets of the front.
  void consume(size_t octets) {
    std::copy(octets_ + octets, octets_ + size_, octets_);
    size_ -= octets;
  }

 private:
  static constexpr size_t kLeast = 1024;

  void grow(size_t needed) {
    capacity_ = std::max({needed, capacity_ * 2, kLeast});
    char* larger = arena_.bytes(capacity_);
    std::copy_n(octets_, size_, larger);
    octets_ = larger;
  }

  Arena& arena_;
  char* octets_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace pylon
