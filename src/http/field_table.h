// FieldId of a name, by a hash without collisions. Inline for the parser, which asks for each field
// of each message; everybody else takes field_id() of http/fields.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "base/strings.h"
#include "http/fields.h"

namespace pylon::http::field_table {

inline constexpr size_t kIdCount = static_cast<size_t>(FieldId::count_);

inline constexpr std::array<std::string_view, kIdCount> kNames = {
    "",
    "Connection",
    "Content-Length",
    "Transfer-Encoding",
    "TE",
    "Trailer",
    "Upgrade",
    "Keep-Alive",
    "Proxy-Connection",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "HTTP2-Settings",
    "Expect",
    "Host",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Real-IP",
    "Forwarded",
    "Via",
    "Max-Forwards",
    "Content-Type",
    "Content-Encoding",
    "Content-Range",
    "Content-MD5",
    "ETag",
    "Last-Modified",
    "Date",
    "Server",
    "Location",
    "Vary",
    "Cache-Control",
    "Set-Cookie",
    "WWW-Authenticate",
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Authorization",
    "Cookie",
    "Origin",
    "Range",
    "Referer",
    "User-Agent",
    "If-None-Match",
    "If-Modified-Since",
    "X-Request-Id",
    "apikey",
    "X-Consumer-Username",
    "X-Credential-Identifier",
    "X-Consumer-Custom-ID",
    "Sec-WebSocket-Key",
};

// Letters are folded by setting one bit. No two token octets in known names fold to the same one
// but the two cases of a letter, so equality of folded names is equality without regard to case.
constexpr uint8_t fold(char c) { return static_cast<uint8_t>(c) | 0x20; }

template <class Word>
constexpr Word folded_word(const char* octets) {
  Word word = 0;
  if (std::is_constant_evaluated()) {
    for (size_t i = 0; i < sizeof word; i++) word |= Word{fold(octets[i])} << (8 * i);
    return word;
  }
  std::memcpy(&word, octets, sizeof word);
  return word | static_cast<Word>(0x2020202020202020);
}

inline constexpr size_t kShortest =
    4;  // of the names in the table; the few shorter ones are compared

// Without collisions among the known names: the factor was found by trying.
inline constexpr size_t kSlots = 128;
constexpr size_t slot_of(const char* name, size_t size) {
  auto last_and_size = folded_word<uint32_t>(name + size - 4) + static_cast<uint32_t>(size);
  return last_and_size * 0xb0910723u >> 25;
}

inline constexpr std::array<FieldId, kSlots> kSlotTable = [] {
  std::array<FieldId, kSlots> table{};
  for (size_t id = 1; id < kIdCount; id++) {
    std::string_view name = kNames[id];
    if (name.size() < kShortest) continue;
    FieldId& slot = table[slot_of(name.data(), name.size())];
    if (slot != FieldId::other) throw "two names share a slot: find another factor";
    slot = static_cast<FieldId>(id);
  }
  return table;
}();

// Known names folded, one per row, so that whole words can be compared.
struct FoldedName {
  std::array<char, 31> octets{};
  uint8_t size = 0;
};
inline constexpr std::array<FoldedName, kIdCount> kFolded = [] {
  std::array<FoldedName, kIdCount> table{};
  for (size_t id = 0; id < kIdCount; id++) {
    table[id].size = static_cast<uint8_t>(kNames[id].size());
    for (size_t i = 0; i < kNames[id].size(); i++) {
      table[id].octets[i] = static_cast<char>(fold(kNames[id][i]));
    }
  }
  return table;
}();

// Two words that may overlap cover a text of their size and up to twice as much.
template <class Word>
bool same_words(const char* folded, const char* name, size_t size) {
  Word first, last;
  size_t at = size - sizeof(Word);
  std::memcpy(&first, folded, sizeof first);
  std::memcpy(&last, folded + at, sizeof last);
  return first == folded_word<Word>(name) && last == folded_word<Word>(name + at);
}

inline bool equals_folded(const char* folded, const char* name, size_t size) {
  if (size < 8) return same_words<uint32_t>(folded, name, size);
  if (size <= 16) return same_words<uint64_t>(folded, name, size);
  return same_words<uint64_t>(folded, name, 16) &&
         same_words<uint64_t>(folded + size - 16, name + size - 16, 16);
}

[[gnu::always_inline]] inline FieldId id_of(std::string_view name) {
  if (name.size() < kShortest) {
    if (iequals(name, "te")) return FieldId::te;
    return iequals(name, "via") ? FieldId::via : FieldId::other;
  }
  FieldId id = kSlotTable[slot_of(name.data(), name.size())];
  const FoldedName& known = kFolded[static_cast<size_t>(id)];
  bool same =
      known.size == name.size() && equals_folded(known.octets.data(), name.data(), name.size());
  return same ? id : FieldId::other;
}

}  // namespace pylon::http::field_table
