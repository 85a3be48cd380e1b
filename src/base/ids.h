// Random bytes and the identifiers made of them. From getrandom(2), buffered per thread;
// unguessable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pylon {

void random_bytes(void* to, size_t count);
uint64_t random_u64();
uint32_t random_below(uint32_t bound);  // uniform in [0, bound); 0 for bound 0

constexpr size_t kUuidChars = 36;
constexpr size_t kNanoidChars = 21;

// Write into a buffer of exactly that many characters; no terminating NUL. RFC 9562 version 4.
void write_uuid_v4(char* to);
void write_nanoid(char* to, size_t count = kNanoidChars);  // A-Za-z0-9_-

std::string random_text(size_t count, std::string_view alphabet);  // alphabet: 1..256 characters

}  // namespace pylon
