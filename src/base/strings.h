// Text helpers that the standard library lacks. ASCII only: no locale, no Unicode tables.
//
// Functions that return std::optional refuse anything but a complete, canonical input: a number
// with trailing bytes, base64 with stray characters or a cut percent escape gives nullopt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pylon {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
constexpr char to_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c & ~0x20) : c; }

std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
bool iequals(std::string_view a, std::string_view b);
bool istarts_with(std::string_view text, std::string_view prefix);

// Without leading and trailing SP and HTAB (HTTP's optional white space, RFC 9110 5.6.3).
std::string_view trim(std::string_view text);

// "a,,b" gives three parts; "" gives one empty part.
std::vector<std::string_view> split(std::string_view text, char separator);

// Strict decimal: optional '-', digits, nothing else, no overflow.
std::optional<int64_t> parse_int(std::string_view text);
std::optional<uint64_t> parse_uint(std::string_view text);
std::optional<double> parse_double(std::string_view text);  // finite only

std::string hex_encode(std::string_view bytes);  // lower case
// The same into a buffer of twice the size.
void hex_encode(std::string_view bytes, char* to);
int hex_digit(char c);  // 0..15, or -1

// RFC 4648. base64 is padded, base64url is not; decoding of both takes padding or none.
std::string base64_encode(std::string_view bytes);
std::string base64url_encode(std::string_view bytes);
std::optional<std::string> base64_decode(std::string_view text);
std::optional<std::string> base64url_decode(std::string_view text);

// RFC 3986 2.1. Encodes everything but unreserved characters; '+' stays '+' in decoding.
std::string percent_encode(std::string_view text);
std::optional<std::string> percent_decode(std::string_view text);

std::string html_escape(std::string_view text);  // & < > " '

bool is_valid_utf8(std::string_view text);

// The nearest of `known` to `word` for a "did you mean" hint; empty when none is near.
std::string_view nearest_word(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace pylon
