#include "plugin/forward_policy.h"

#include <algorithm>

namespace pylon::plugin {
namespace {

const IpSet& special_blocks() {
  static const IpSet blocks =
      IpSet::parse({"0.0.0.0/8",       "10.0.0.0/8",      "100.64.0.0/10",   "127.0.0.0/8",
                    "169.254.0.0/16",  "172.16.0.0/12",   "192.0.0.0/24",    "192.0.2.0/24",
                    "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24",  "192.168.0.0/16",
                    "192.175.48.0/24", "198.18.0.0/15",   "198.51.100.0/24", "203.0.113.0/24",
                    "224.0.0.0/4",     "240.0.0.0/4",     "::/96",           "::ffff:0:0/96",
                    "64:ff9b:1::/48",  "100::/64",        "2001::/23",       "2001:db8::/32",
                    "2002::/16",       "3fff::/20",       "5f00::/16",       "fc00::/7",
                    "fe80::/10",       "fec0::/10",       "ff00::/8"})
          .value();
  return blocks;
}

// 64:ff9b::/96 is how IPv4 is reached through NAT64 (RFC 6052).
bool is_translated(const IpAddress& address) {
  static constexpr uint8_t kPrefix[12] = {0x00, 0x64, 0xff, 0x9b};
  const auto& bytes = address.bytes();
  return address.is_v6() && std::equal(std::begin(kPrefix), std::end(kPrefix), bytes.begin());
}

bool matches(std::string_view pattern, std::string_view host) {
  if (!pattern.starts_with("*.")) return pattern == host;
  std::string_view suffix = pattern.substr(1);
  return host.size() > suffix.size() && host.ends_with(suffix);
}

}  // namespace

bool is_public(const IpAddress& address) {
  IpAddress plain = address.unmapped();
  if (is_translated(plain)) plain = IpAddress::v4_bytes(plain.bytes().data() + 12);
  return !special_blocks().contains(plain);
}

bool ForwardPolicy::admits_host(std::string_view host) const {
  if (hosts.empty()) return true;
  return std::any_of(hosts.begin(), hosts.end(),
                     [&](const std::string& pattern) { return matches(pattern, host); });
}

bool ForwardPolicy::admits_port(uint16_t port) const {
  return std::find(ports.begin(), ports.end(), port) != ports.end();
}

bool ForwardPolicy::admits_address(const IpAddress& address) const {
  IpAddress plain = address.unmapped();
  if (denied.contains(plain)) return false;
  return allowed.contains(plain) || is_public(plain);
}

}  // namespace pylon::plugin
