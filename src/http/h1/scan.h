// Scans of octets: names, values, targets. Sixteen at a time where the machine can (SSSE3, which
// every x86-64 server since 2008 has and the build asks for), else one by one.
#pragma once

#include <array>
#include <cstdint>

#if defined(__SSSE3__)
#include <tmmintrin.h>
#endif

namespace pylon::http::h1 {

// RFC 9110 5.6.2 token octets.
constexpr std::array<bool, 256> kTokenOctets = [] {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; c++) table[c] = true;
  for (int c = 'a'; c <= 'z'; c++) table[c] = table[c - 32] = true;
  for (char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) {
    table[static_cast<uint8_t>(c)] = true;
  }
  return table;
}();

inline bool is_token_octet(char c) { return kTokenOctets[static_cast<uint8_t>(c)]; }

// HTAB, SP, visible ASCII and obs-text: all else (CR, LF, NUL, controls, DEL) ends a value.
inline bool is_value_octet(char c) {
  auto octet = static_cast<uint8_t>(c);
  return octet == '\t' || (octet >= 0x20 && octet != 0x7f);
}

#if defined(__SSSE3__)
// For each low half of an octet, the set of high halves with which it is a token octet.
alignas(16) constexpr std::array<uint8_t, 16> kTokenHighHalves = [] {
  std::array<uint8_t, 16> table{};
  for (int octet = 0; octet < 128; octet++) {
    if (kTokenOctets[static_cast<size_t>(octet)]) table[octet & 15] |= 1 << (octet >> 4);
  }
  return table;
}();
alignas(16) constexpr std::array<uint8_t, 16> kHalfBits = {1, 2, 4, 8, 16, 32, 64, 128};

// The first octet of [at, end) that is not a token octet.
inline const char* skip_token_octets(const char* at, const char* end) {
  const __m128i halves = _mm_load_si128(reinterpret_cast<const __m128i*>(kTokenHighHalves.data()));
  const __m128i bits = _mm_load_si128(reinterpret_cast<const __m128i*>(kHalfBits.data()));
  const __m128i low_half = _mm_set1_epi8(0x0f);
  while (end - at >= 16) {
    __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    __m128i low = _mm_shuffle_epi8(halves, _mm_and_si128(octets, low_half));
    __m128i high = _mm_shuffle_epi8(bits, _mm_and_si128(_mm_srli_epi16(octets, 4), low_half));
    __m128i other = _mm_cmpeq_epi8(_mm_and_si128(low, high), _mm_setzero_si128());
    int mask = _mm_movemask_epi8(other);
    if (mask != 0) return at + __builtin_ctz(static_cast<unsigned>(mask));
    at += 16;
  }
  while (at < end && is_token_octet(*at)) at++;
  return at;
}

// The first octet of [at, end) that is not a value octet.
inline const char* skip_value_octets(const char* at, const char* end) {
  const __m128i last_control = _mm_set1_epi8(0x1f);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  while (end - at >= 16) {
    __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(octets, last_control), octets);
    __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(octets, tab), control),
                               _mm_cmpeq_epi8(octets, del));
    int mask = _mm_movemask_epi8(bad);
    if (mask != 0) return at + __builtin_ctz(static_cast<unsigned>(mask));
    at += 16;
  }
  while (at < end && is_value_octet(*at)) at++;
  return at;
}
#else
inline const char* skip_token_octets(const char* at, const char* end) {
  while (at < end && is_token_octet(*at)) at++;
  return at;
}

inline const char* skip_value_octets(const char* at, const char* end) {
  while (at < end && is_value_octet(*at)) at++;
  return at;
}
#endif

// Likewise for a request target: visible ASCII only, so that SP, controls and raw 8-bit octets end
// it.
inline bool is_target_octet(char c) {
  auto octet = static_cast<uint8_t>(c);
  return octet > 0x20 && octet < 0x7f;
}

inline const char* skip_target_octets(const char* at, const char* end) {
#if defined(__SSSE3__)
  const __m128i space = _mm_set1_epi8(0x20);
  const __m128i del = _mm_set1_epi8(0x7f);
  while (end - at >= 16) {
    __m128i octets = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    // Compared with sign: octets from 0x80 on are below zero.
    __m128i visible = _mm_andnot_si128(_mm_cmpeq_epi8(octets, del), _mm_cmpgt_epi8(octets, space));
    auto bad = ~static_cast<unsigned>(_mm_movemask_epi8(visible)) & 0xffffu;
    if (bad != 0) return at + __builtin_ctz(bad);
    at += 16;
  }
#endif
  while (at < end && is_target_octet(*at)) at++;
  return at;
}

}  // namespace pylon::http::h1
