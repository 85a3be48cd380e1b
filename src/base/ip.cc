#include "base/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/strings.h"

namespace pylon {
namespace {

using Bytes = IpAddress::Bytes;

constexpr size_t kV4At = 12;  // where the four bytes of an IPv4 address start

// inet_pton wants a terminated text; an address fits into a small buffer.
bool parse_family(int family, std::string_view text, void* to) {
  char buffer[IpAddress::kMaxText];
  if (text.size() >= sizeof buffer) return false;
  if (std::memchr(text.data(), '\0', text.size()) != nullptr) return false;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  return inet_pton(family, buffer, to) == 1;
}

// Sets or clears all bits after the first `kept`.
Bytes with_tail(Bytes bytes, unsigned kept, bool ones) {
  for (unsigned i = 0; i < bytes.size(); ++i) {
    unsigned keep = std::clamp<int>(static_cast<int>(kept) - static_cast<int>(i) * 8, 0, 8);
    auto tail = static_cast<uint8_t>(0xff >> keep);
    bytes[i] = static_cast<uint8_t>(ones ? bytes[i] | tail : bytes[i] & ~tail);
  }
  return bytes;
}

unsigned bits_in_16_bytes(IpFamily family, unsigned prefix_bits) {
  return family == IpFamily::v4 ? 96 + std::min(prefix_bits, 32u) : std::min(prefix_bits, 128u);
}

// Sorts the ranges and joins those that overlap.
template <class Range>
void make_disjoint(std::vector<Range>& ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  size_t kept = 0;
  for (const Range& range : ranges) {
    if (kept > 0 && range.first <= ranges[kept - 1].last) {
      ranges[kept - 1].last = std::max(ranges[kept - 1].last, range.last);
    } else {
      ranges[kept++] = range;
    }
  }
  ranges.resize(kept);
  ranges.shrink_to_fit();
}

template <class Range, class Value>
bool lies_in(const std::vector<Range>& ranges, const Value& value) {
  auto after = std::upper_bound(ranges.begin(), ranges.end(), value,
                                [](const Value& v, const Range& range) { return v < range.first; });
  return after != ranges.begin() && value <= std::prev(after)->last;
}

}  // namespace

IpAddress IpAddress::v4_bytes(const uint8_t* network_order_4) {
  IpAddress ip;
  std::memcpy(ip.bytes_.data() + kV4At, network_order_4, 4);
  return ip;
}

IpAddress IpAddress::v4(uint32_t host_order) {
  uint32_t network_order = htonl(host_order);
  return v4_bytes(reinterpret_cast<const uint8_t*>(&network_order));
}

IpAddress IpAddress::v6_bytes(const uint8_t* network_order_16) {
  IpAddress ip;
  std::memcpy(ip.bytes_.data(), network_order_16, ip.bytes_.size());
  ip.family_ = IpFamily::v6;
  return ip;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  uint8_t bytes[16];
  if (parse_family(AF_INET, text, bytes)) return v4_bytes(bytes);
  if (parse_family(AF_INET6, text, bytes)) return v6_bytes(bytes);
  return std::nullopt;
}

uint32_t IpAddress::v4_value() const {
  uint32_t network_order;
  std::memcpy(&network_order, bytes_.data() + kV4At, 4);
  return ntohl(network_order);
}

IpAddress IpAddress::unmapped() const {
  const IpAddress any_v4;
  bool mapped = std::memcmp(bytes_.data(), any_v4.bytes_.data(), kV4At) == 0;
  return mapped ? v4_bytes(bytes_.data() + kV4At) : *this;
}

// inet_ntop() writes IPv4 by printf, for a thousand instructions.
std::string_view IpAddress::to_text(char (&buffer)[kMaxText]) const {
  if (!is_v4()) {
    inet_ntop(AF_INET6, bytes_.data(), buffer, sizeof buffer);
    return buffer;
  }
  char* end = buffer;
  for (size_t i = 0; i < 4; i++) {
    if (i > 0) *end++ = '.';
    end = std::to_chars(end, buffer + sizeof buffer, bytes_[kV4At + i]).ptr;
  }
  *end = '\0';
  return {buffer, static_cast<size_t>(end - buffer)};
}

std::string IpAddress::to_string() const {
  char buffer[kMaxText];
  return std::string(to_text(buffer));
}

Cidr::Cidr(IpAddress address, unsigned prefix_bits)
    : prefix_bits_(std::min(prefix_bits, address.is_v4() ? 32u : 128u)) {
  Bytes first = with_tail(address.bytes(), bits_in_16_bytes(address.family(), prefix_bits_), false);
  first_ = address.is_v4() ? IpAddress::v4_bytes(first.data() + kV4At)
                           : IpAddress::v6_bytes(first.data());
}

std::optional<Cidr> Cidr::parse(std::string_view text) {
  size_t slash = text.find('/');
  auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  unsigned widest = address->is_v4() ? 32 : 128;
  if (slash == std::string_view::npos) return Cidr(*address, widest);
  auto bits = parse_uint(text.substr(slash + 1));
  if (!bits || *bits > widest) return std::nullopt;
  return Cidr(*address, static_cast<unsigned>(*bits));
}

IpAddress Cidr::last() const {
  Bytes last = with_tail(first_.bytes(), bits_in_16_bytes(first_.family(), prefix_bits_), true);
  return first_.is_v4() ? IpAddress::v4_bytes(last.data() + kV4At)
                        : IpAddress::v6_bytes(last.data());
}

bool Cidr::contains(const IpAddress& ip) const {
  if (ip.family() != first_.family()) return false;
  return with_tail(ip.bytes(), bits_in_16_bytes(ip.family(), prefix_bits_), false) ==
         first_.bytes();
}

std::string Cidr::to_string() const {
  return first_.to_string() + "/" + std::to_string(prefix_bits_);
}

IpSet::IpSet(const std::vector<Cidr>& blocks) {
  for (const Cidr& block : blocks) {
    if (block.first().is_v4()) {
      v4_.push_back({block.first().v4_value(), block.last().v4_value()});
    } else {
      v6_.push_back({block.first().bytes(), block.last().bytes()});
    }
  }
  make_disjoint(v4_);
  make_disjoint(v6_);
}

Result<IpSet> IpSet::parse(const std::vector<std::string>& texts) {
  std::vector<Cidr> blocks;
  blocks.reserve(texts.size());
  for (const std::string& text : texts) {
    auto block = Cidr::parse(text);
    if (!block) return fail("invalid ip address: " + text);
    blocks.push_back(*block);
  }
  return IpSet(blocks);
}

bool IpSet::contains(const IpAddress& ip) const {
  return ip.is_v4() ? lies_in(v4_, ip.v4_value()) : lies_in(v6_, ip.bytes());
}

}  // namespace pylon
