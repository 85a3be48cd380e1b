// CRC-32 as zlib, nginx and lua-resty-chash compute it (ISO 3309, reflected 0xEDB88320).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace pylon::upstream {

namespace detail {
constexpr std::array<uint32_t, 256> kCrc32Table = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xEDB88320u : 0);
    table[i] = value;
  }
  return table;
}();
}  // namespace detail

class Crc32 {
 public:
  constexpr Crc32& add(std::string_view octets) {
    for (char c : octets) add(static_cast<uint8_t>(c));
    return *this;
  }
  constexpr Crc32& add(uint8_t octet) {
    state_ = detail::kCrc32Table[(state_ ^ octet) & 0xff] ^ (state_ >> 8);
    return *this;
  }
  constexpr uint32_t value() const { return ~state_; }

 private:
  uint32_t state_ = 0xffffffff;
};

}  // namespace pylon::upstream
