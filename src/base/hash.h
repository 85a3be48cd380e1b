// Hashing of byte strings (XXH3) and hash containers that are looked up by view.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace pylon {

// Stable over processes and machines: may be stored. Not for keys that an attacker picks in bulk.
uint64_t hash_bytes(std::string_view bytes, uint64_t seed = 0);

// As hash_bytes, seeded once per process at random: for tables that clients fill.
uint64_t hash_guarded(std::string_view bytes);

// 128 bits in hexadecimal: a digest for change detection, no protection against forgery.
std::string digest_hex(std::string_view bytes);

struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return hash_guarded(text); }
};

template <class T>
using StringMap = std::unordered_map<std::string, T, StringHash, std::equal_to<>>;
using StringSet = std::unordered_set<std::string, StringHash, std::equal_to<>>;

}  // namespace pylon
