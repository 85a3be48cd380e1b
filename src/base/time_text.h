// Points in time as text, for heads and logs. UTC, seconds since 1970.
//
// The cached forms keep the last second's text per thread; the view stays valid until the same
// function is called on the same thread for another second.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pylon {

constexpr size_t kHttpDateChars = 29;   // Sun, 06 Nov 1994 08:49:37 GMT
constexpr size_t kTimeLocalChars = 26;  // 06/Nov/1994:08:49:37 +0000
constexpr size_t kIso8601Chars = 25;    // 1994-11-06T08:49:37+00:00

// Write exactly that many characters, no NUL.
void write_http_date(int64_t unix_s, char* to);   // IMF-fixdate, RFC 9110 5.6.7
void write_time_local(int64_t unix_s, char* to);  // nginx $time_local
void write_iso8601(int64_t unix_s, char* to);     // nginx $time_iso8601

std::string_view http_date(int64_t unix_s);
std::string_view time_local(int64_t unix_s);
std::string_view iso8601(int64_t unix_s);

}  // namespace pylon
