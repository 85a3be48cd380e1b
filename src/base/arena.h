// Arena: bump allocation for everything that lives as long as one request (or one compilation).
//
// Memory is taken from a per-thread stock of blocks and given back when the arena is reset or dies.
// No destructors run. Not thread safe: an arena belongs to one worker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

namespace pylon {

class Arena {
 public:
  static constexpr size_t kBlockBytes = 2048;  // first block; later ones double up to 64 KiB

  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  ~Arena() { reset(); }

  // Never null. `align` is a power of two.
  void* allocate(size_t bytes, size_t align = alignof(std::max_align_t)) {
    uintptr_t at = (reinterpret_cast<uintptr_t>(next_) + align - 1) & ~(align - 1);
    if (next_ != nullptr && at + bytes <= reinterpret_cast<uintptr_t>(end_)) [[likely]] {
      next_ = reinterpret_cast<char*>(at + bytes);
      return reinterpret_cast<void*>(at);
    }
    return allocate_slow(bytes, align);
  }

  template <class T, class... Args>
  T* make(Args&&... args) {
    static_assert(std::is_trivially_destructible_v<T>, "an arena runs no destructors");
    return new (allocate(sizeof(T), alignof(T))) T{std::forward<Args>(args)...};
  }

  template <class T>
  T* make_array(size_t count) {
    static_assert(std::is_trivially_destructible_v<T>, "an arena runs no destructors");
    return static_cast<T*>(allocate(sizeof(T) * count, alignof(T)));
  }

  char* bytes(size_t count) { return static_cast<char*>(allocate(count, 1)); }

  std::string_view copy(std::string_view text) {
    if (text.empty()) return {};
    char* to = bytes(text.size());
    std::memcpy(to, text.data(), text.size());
    return {to, text.size()};
  }

  std::string_view join(std::string_view a, std::string_view b, std::string_view c = {}) {
    char* start = bytes(a.size() + b.size() + c.size());
    char* end = put(put(put(start, a), b), c);
    return {start, static_cast<size_t>(end - start)};
  }

  // Gives every block back. All that was allocated is gone.
  void reset();

  size_t bytes_reserved() const { return reserved_; }

 private:
  struct Block {
    Block* previous;
    size_t bytes;
  };

  static char* put(char* to, std::string_view text) {
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    return to + text.size();
  }

  void* allocate_slow(size_t bytes, size_t align);

  char* next_ = nullptr;
  char* end_ = nullptr;
  Block* last_ = nullptr;
  size_t reserved_ = 0;
};

}  // namespace pylon
