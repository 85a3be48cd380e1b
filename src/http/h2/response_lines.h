// ResponseLines: the head of an answer as field lines: names in lower case, nothing about a
// connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "http/exchange.h"
#include "http/h2/hpack.h"

namespace pylon::http::h2 {

// The name in lower case: static, in the arena, or the one given.
std::string_view lower_name(const Field& field, Arena& arena);

class ResponseLines {
 public:
  // Status and fields, but for Content-Length and those about the connection. A tunnel that was
  // granted (101) is 200 here (RFC 8441).
  ResponseLines(Arena& arena, const Response& response);

  // One more, of octets that stay. There is room for two.
  void add(std::string_view name, std::string_view value) { lines_[count_++] = {name, value}; }
  void add_length(int64_t length);

  std::span<const FieldLine> all() const { return {lines_, count_}; }

 private:
  std::string_view number(uint64_t value);

  Arena& arena_;
  FieldLine* lines_;
  size_t count_ = 0;
};

}  // namespace pylon::http::h2
