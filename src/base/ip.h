// IP addresses, CIDR blocks and compiled sets of both.
//
// An IPv4 address is kept as ::ffff:a.b.c.d in 16 bytes with its family beside it, so one
// comparison serves both families. An IPv4-mapped IPv6 text ("::ffff:1.2.3.4") is an IPv6 address;
// ask unmapped() for the IPv4 address in it. Source: RFC 4291, RFC 5952 (text form).
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace pylon {

enum class IpFamily : uint8_t { v4, v6 };

class IpAddress {
 public:
  static constexpr size_t kMaxText = 46;
  using Bytes = std::array<uint8_t, 16>;

  IpAddress() = default;  // 0.0.0.0
  static IpAddress v4(uint32_t host_order);
  static IpAddress v4_bytes(const uint8_t* network_order_4);
  static IpAddress v6_bytes(const uint8_t* network_order_16);

  // Dotted quad without leading zeros, or IPv6 text without brackets and zone.
  static std::optional<IpAddress> parse(std::string_view text);

  IpFamily family() const { return family_; }
  bool is_v4() const { return family_ == IpFamily::v4; }
  bool is_v6() const { return family_ == IpFamily::v6; }
  const Bytes& bytes() const { return bytes_; }  // network order; IPv4 in the last four
  uint32_t v4_value() const;                     // host order; IPv4 only
  IpAddress unmapped() const;                    // ::ffff:a.b.c.d becomes IPv4

  // Writes the canonical text into `buffer` and returns a view of it.
  std::string_view to_text(char (&buffer)[kMaxText]) const;
  std::string to_string() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  Bytes bytes_{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
  IpFamily family_ = IpFamily::v4;
};

// A block of addresses. Host bits of the given address are cleared.
class Cidr {
 public:
  Cidr() = default;                               // 0.0.0.0/32
  Cidr(IpAddress address, unsigned prefix_bits);  // bits within the family: 0..32 or 0..128

  // "10.0.0.0/8", "fe80::/10", or an address alone (a block of one).
  static std::optional<Cidr> parse(std::string_view text);

  bool contains(const IpAddress& ip) const;
  const IpAddress& first() const { return first_; }
  IpAddress last() const;
  unsigned prefix_bits() const { return prefix_bits_; }
  std::string to_string() const;

  bool operator==(const Cidr&) const = default;

 private:
  IpAddress first_;
  unsigned prefix_bits_ = 32;
};

// Which addresses are in a list of addresses and blocks. Immutable once built; contains() is a
// binary search over disjoint ranges and allocates nothing.
class IpSet {
 public:
  IpSet() = default;
  explicit IpSet(const std::vector<Cidr>& blocks);

  // The error names the entry that is neither an address nor a block.
  static Result<IpSet> parse(const std::vector<std::string>& texts);

  bool contains(const IpAddress& ip) const;
  bool empty() const { return v4_.empty() && v6_.empty(); }

 private:
  struct Range4 {
    uint32_t first, last;
  };
  struct Range6 {
    IpAddress::Bytes first, last;
  };

  std::vector<Range4> v4_;  // sorted, disjoint
  std::vector<Range6> v6_;
};

}  // namespace pylon
