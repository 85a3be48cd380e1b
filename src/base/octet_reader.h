// OctetReader: takes numbers and length-prefixed parts off the front of octets, the highest octet
// first, as network protocols write them. Once something is missing it stays failed and gives
// zeros.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pylon {

class OctetReader {
 public:
  explicit OctetReader(std::string_view octets) : rest_(octets) {}

  bool empty() const { return rest_.empty(); }
  bool failed() const { return failed_; }
  std::string_view rest() const { return rest_; }

  size_t number(size_t bytes) {  // at most 8
    size_t value = 0;
    for (char octet : take(bytes)) value = value << 8 | static_cast<uint8_t>(octet);
    return value;
  }
  std::string_view take(size_t bytes) {
    if (failed_ || bytes > rest_.size()) {
      failed_ = true;
      rest_ = {};
      return {};
    }
    std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return taken;
  }
  // What a length of so many octets stands in front of.
  std::string_view vector(size_t length_bytes) { return take(number(length_bytes)); }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace pylon
