// Scans of octets: how far names, values and targets go. Sixteen at a time where the machine can
// (SSE4.2, which every x86-64 server since 2009 has and the build asks for), else one by one.
//
// A class of octets has a constexpr `has(octet)`, which is false for NUL. What the machine looks
// for follows from it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(__SSE4_2__)
#include <nmmintrin.h>
#endif

namespace pylon::http {

using OctetTable = std::array<bool, 256>;

// Digits, lower case letters and, if asked for, upper case ones; and `others`.
constexpr OctetTable letters_digits_and(std::string_view others, bool upper_case = true) {
  OctetTable table{};
  for (size_t c = '0'; c <= '9'; c++) table[c] = true;
  for (size_t c = 'a'; c <= 'z'; c++) table[c] = true;
  for (size_t c = 'A'; c <= 'Z'; c++) table[c] = upper_case;
  for (char c : others) table[static_cast<uint8_t>(c)] = true;
  return table;
}

// RFC 9110 5.6.2.
inline constexpr OctetTable kTokenOctets = letters_digits_and("!#$%&'*+-.^_`|~");

inline bool is_token_octet(char c) { return kTokenOctets[static_cast<uint8_t>(c)]; }

// HTAB, SP, visible ASCII and obs-text: all else (CR, LF, NUL, controls, DEL) ends a value.
constexpr bool is_value_octet(char c) {
  auto octet = static_cast<uint8_t>(c);
  return octet == '\t' || (octet >= 0x20 && octet != 0x7f);
}

// Visible ASCII only, so that SP, controls and raw 8-bit octets end a request target.
constexpr bool is_target_octet(char c) {
  auto octet = static_cast<uint8_t>(c);
  return octet > 0x20 && octet < 0x7f;
}

// Any set of octets.
template <const OctetTable& kOctets>
struct TableClass {
  static constexpr bool has(char c) { return kOctets[static_cast<uint8_t>(c)]; }
};

using TokenClass = TableClass<kTokenOctets>;

struct ValueClass {
  static constexpr bool has(char c) { return is_value_octet(c); }
};

struct TargetClass {
  static constexpr bool has(char c) { return is_target_octet(c); }
};

#if defined(__SSE4_2__)
// A class as the machine takes it: up to eight ranges, a first and a last octet each. Of a class
// that has more, the widest ones: then has() judges what lies outside them.
struct OctetRanges {
  static constexpr size_t kMost = 8;
  alignas(16) std::array<char, 2 * kMost> bounds{};
  int size = 0;      // of `bounds`
  bool all = false;  // the ranges are the whole class
};

template <class Class>
constexpr OctetRanges ranges_of() {
  static_assert(!Class::has('\0'));
  auto has = [](size_t octet) { return octet < 256 && Class::has(static_cast<char>(octet)); };
  OctetRanges ranges;
  for (size_t width = 256; width > 0; width--) {
    for (size_t first = 1, end; first < 256; first = end + 1) {
      for (end = first; has(end);) end++;
      if (end - first != width) continue;
      if (ranges.size == 2 * OctetRanges::kMost) return ranges;
      ranges.bounds[static_cast<size_t>(ranges.size++)] = static_cast<char>(first);
      ranges.bounds[static_cast<size_t>(ranges.size++)] = static_cast<char>(end - 1);
    }
  }
  ranges.all = true;
  return ranges;
}

// Searches sixteen octets for those outside the ranges of a class.
template <class Class>
struct Sixteen {
  static constexpr OctetRanges kRanges = ranges_of<Class>();
  static constexpr int kMode = _SIDD_UBYTE_OPS | _SIDD_CMP_RANGES | _SIDD_NEGATIVE_POLARITY;

  static __m128i load(const char* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  }
  // How many of the octets at `from` lie inside before one that does not. NUL ends the machine's
  // texts, that of the ranges as well: it is outside.
  static unsigned inside(const char* from) {
    return static_cast<unsigned>(_mm_cmpistri(load(kRanges.bounds.data()), load(from), kMode));
  }
  // Whether one does not: the same instruction tells.
  static bool any_outside(const char* from) {
    return _mm_cmpistrc(load(kRanges.bounds.data()), load(from), kMode) != 0;
  }
  // A bit for each octet outside; those behind a NUL are judged, too.
  static unsigned outside(const char* from) {
    __m128i bits = _mm_cmpestrm(load(kRanges.bounds.data()), kRanges.size, load(from), 16, kMode);
    return static_cast<unsigned>(_mm_cvtsi128_si32(bits));
  }
};
#endif

// The first octet of [at, end) that is outside the class. `start` is not behind `at`, and all from
// there on may be read: the last few octets are looked at together with those before them.
template <class Class>
inline const char* skip(const char* at, const char* end, const char* start) {
#if defined(__SSE4_2__)
  constexpr bool kAll = Sixteen<Class>::kRanges.all;
  auto address = [](const char* octet) { return reinterpret_cast<intptr_t>(octet); };
  const intptr_t last = address(end) - 16;  // where the last whole sixteen begin
  while (address(at) <= last) {
    unsigned inside = Sixteen<Class>::inside(at);
    if (!Sixteen<Class>::any_outside(at)) {
      at += 16;  // not by `inside`: the machine need not wait for it
    } else if (kAll || !Class::has(at[inside])) {
      return at + inside;
    } else {
      at += inside + 1;
    }
  }
  if (end - start >= 16) {
    unsigned outside = Sixteen<Class>::outside(end - 16) >> (16 - (end - at));
    at = outside != 0 ? at + __builtin_ctz(outside) : end;
    if (kAll) return at;
  }
#endif
  while (at < end && Class::has(*at)) at++;
  return at;
}

// The octets of a text that belong to the class, up to the first that does not.
template <class Class>
inline size_t span(std::string_view text) {
  return static_cast<size_t>(skip<Class>(text.data(), text.data() + text.size(), text.data()) -
                             text.data());
}

// How many octets of a text are outside the class.
template <class Class>
inline size_t count_outside(std::string_view text) {
  const char* at = text.data();
  const char* end = at + text.size();
  size_t count = 0;
#if defined(__SSE4_2__)
  if constexpr (Sixteen<Class>::kRanges.all) {
    auto bits_of = [](unsigned bits) { return static_cast<size_t>(__builtin_popcount(bits)); };
    for (; end - at >= 16; at += 16) count += bits_of(Sixteen<Class>::outside(at));
    if (text.size() >= 16) {  // the last few together with those before them, counted already
      return count + bits_of(Sixteen<Class>::outside(end - 16) >> (16 - (end - at)));
    }
  }
#endif
  for (; at < end; at++) count += Class::has(*at) ? 0 : 1;
  return count;
}

}  // namespace pylon::http
