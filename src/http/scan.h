// Scans of octets: how far names, values and targets go. Sixteen at a time where the machine can
// (SSSE3, which every x86-64 server since 2008 has and the build asks for), else one by one.
//
// A class of octets has `has(octet)` and, for the machine, `outside(octets)`: a bit for each of
// sixteen octets that does not belong to it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#if defined(__SSSE3__)
#include <tmmintrin.h>
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
inline bool is_value_octet(char c) {
  auto octet = static_cast<uint8_t>(c);
  return octet == '\t' || (octet >= 0x20 && octet != 0x7f);
}

// Visible ASCII only, so that SP, controls and raw 8-bit octets end a request target.
inline bool is_target_octet(char c) {
  auto octet = static_cast<uint8_t>(c);
  return octet > 0x20 && octet < 0x7f;
}

// Any set of ASCII octets.
template <const OctetTable& kOctets>
struct AsciiClass {
  static bool has(char c) { return kOctets[static_cast<uint8_t>(c)]; }

#if defined(__SSSE3__)
  // For each low half of an octet, the set of high halves with which it belongs to the class.
  alignas(16) static constexpr std::array<uint8_t, 16> kHighHalves = [] {
    std::array<uint8_t, 16> table{};
    for (size_t octet = 0; octet < 128; octet++) {
      if (kOctets[octet]) table[octet & 15] |= static_cast<uint8_t>(1 << (octet >> 4));
    }
    return table;
  }();
  alignas(16) static constexpr std::array<uint8_t, 16> kHalfBits = {1, 2, 4, 8, 16, 32, 64, 128};

  static unsigned outside(__m128i octets) {
    __m128i halves = _mm_load_si128(reinterpret_cast<const __m128i*>(kHighHalves.data()));
    __m128i bits = _mm_load_si128(reinterpret_cast<const __m128i*>(kHalfBits.data()));
    __m128i low_half = _mm_set1_epi8(0x0f);
    __m128i low = _mm_shuffle_epi8(halves, _mm_and_si128(octets, low_half));
    __m128i high = _mm_shuffle_epi8(bits, _mm_and_si128(_mm_srli_epi16(octets, 4), low_half));
    __m128i none = _mm_cmpeq_epi8(_mm_and_si128(low, high), _mm_setzero_si128());
    return static_cast<unsigned>(_mm_movemask_epi8(none));
  }
#endif
};

using TokenClass = AsciiClass<kTokenOctets>;

struct ValueClass {
  static bool has(char c) { return is_value_octet(c); }
#if defined(__SSSE3__)
  static unsigned outside(__m128i octets) {
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(octets, _mm_set1_epi8(0x1f)), octets);
    __m128i tab = _mm_cmpeq_epi8(octets, _mm_set1_epi8('\t'));
    __m128i del = _mm_cmpeq_epi8(octets, _mm_set1_epi8(0x7f));
    return static_cast<unsigned>(
        _mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, control), del)));
  }
#endif
};

struct TargetClass {
  static bool has(char c) { return is_target_octet(c); }
#if defined(__SSSE3__)
  static unsigned outside(__m128i octets) {
    __m128i del = _mm_cmpeq_epi8(octets, _mm_set1_epi8(0x7f));
    // Compared with sign: octets from 0x80 on are below zero.
    __m128i visible = _mm_andnot_si128(del, _mm_cmpgt_epi8(octets, _mm_set1_epi8(0x20)));
    return ~static_cast<unsigned>(_mm_movemask_epi8(visible)) & 0xffffu;
  }
#endif
};

// The first octet of [at, end) that is outside the class. `start` is not behind `at`, and all from
// there on may be read: the last few octets are looked at together with those before them.
template <class Class>
inline const char* skip(const char* at, const char* end, const char* start) {
#if defined(__SSSE3__)
  auto sixteen = [](const char* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  };
  while (end - at >= 16) {
    unsigned outside = Class::outside(sixteen(at));
    if (outside != 0) return at + __builtin_ctz(outside);
    at += 16;
  }
  if (end - start >= 16) {
    unsigned outside = Class::outside(sixteen(end - 16)) >> (16 - (end - at));
    return outside != 0 ? at + __builtin_ctz(outside) : end;
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

}  // namespace pylon::http
