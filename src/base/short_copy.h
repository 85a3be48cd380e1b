// copy_short: memcpy for octets that are mostly few, as names and values of a message are. Up to 32
// are moved by at most two loads and stores, which costs less than the call of the C library's.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace pylon {

// The first and the last `kWord` octets, which may overlap: together they are all of `size`.
template <size_t kWord>
inline void copy_ends(char* to, const char* from, size_t size) {
  std::array<char, kWord> first, last;
  std::memcpy(first.data(), from, kWord);
  std::memcpy(last.data(), from + size - kWord, kWord);
  std::memcpy(to, first.data(), kWord);
  std::memcpy(to + size - kWord, last.data(), kWord);
}

// Reads and writes nothing beyond `octets`, which do not overlap `to`. Returns the end of the copy.
inline char* copy_short(char* to, std::string_view octets) {
  const char* from = octets.data();
  size_t size = octets.size();
  if (size > 32) {
    std::memcpy(to, from, size);
  } else if (size >= 16) {
    copy_ends<16>(to, from, size);
  } else if (size >= 8) {
    copy_ends<8>(to, from, size);
  } else if (size >= 4) {
    copy_ends<4>(to, from, size);
  } else if (size != 0) {
    to[0] = from[0];
    to[size / 2] = from[size / 2];
    to[size - 1] = from[size - 1];
  }
  return to + size;
}

}  // namespace pylon
