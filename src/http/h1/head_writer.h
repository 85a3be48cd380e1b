// HeadWriter: puts a head together in a buffer of the thread.
//
// What it made is valid until the next HeadWriter on the thread begins, so heads are sent before
// anything else happens. Not for use across suspensions.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "http/fields.h"

namespace pylon::http::h1 {

class HeadWriter {
 public:
  // Room for `bytes` octets at least: callers add up what they are going to write, with
  // Fields::line_octets() for fields().
  explicit HeadWriter(size_t bytes);

  HeadWriter& text(std::string_view octets);
  // A literal, whose size is known: what follows it in the caller is written with it.
  template <size_t kSize>
  HeadWriter& text(const char (&literal)[kSize]) {
    std::memcpy(at_, literal, kSize - 1);
    at_ += kSize - 1;
    return *this;
  }
  HeadWriter& number(uint64_t value);
  HeadWriter& field(std::string_view name, std::string_view value) {
    return text(name).text(": ").text(value).text("\r\n");
  }
  template <size_t kSize>
  HeadWriter& field(const char (&name)[kSize], std::string_view value) {
    return text(name).text(": ").text(value).text("\r\n");
  }
  // All fields but those in `skipped`, a set of FieldIds.
  HeadWriter& fields(const Fields& fields, uint64_t skipped);

  std::string_view written() const { return {start_, static_cast<size_t>(at_ - start_)}; }

 private:
  char* start_;
  char* at_;
};

// "OK", "Not Found" ...: the usual phrase, "Unknown" for codes without one.
std::string_view status_phrase(int status);

}  // namespace pylon::http::h1
