#include "base/hash.h"

#include <xxhash.h>

#include "base/ids.h"
#include "base/strings.h"

namespace pylon {

uint64_t hash_bytes(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

uint64_t hash_guarded(std::string_view bytes) {
  static const uint64_t seed = random_u64();
  return hash_bytes(bytes, seed);
}

std::string digest_hex(std::string_view bytes) {
  XXH128_canonical_t digest;
  XXH128_canonicalFromHash(&digest, XXH3_128bits(bytes.data(), bytes.size()));
  return hex_encode({reinterpret_cast<const char*>(digest.digest), sizeof digest.digest});
}

}  // namespace pylon
