// ForwardPolicy: what a forward proxy may connect to, as the plugin forward-proxy says for a route.
// Immutable, part of the plugin's instance.
//
// A name is looked up first, and the addresses that it has are what is judged and connected to: a
// name cannot stand for another address later (DNS rebinding). Addresses of networks that are not
// the public internet are refused unless a block allows them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"

namespace pylon::plugin {

struct ForwardPolicy {
  std::vector<std::string> hosts;  // "a.test", "*.a.test" (any depth); empty: all
  std::vector<uint16_t> ports;     // empty: none
  IpSet allowed;                   // addresses that may be connected to whatever else is said
  IpSet denied;                    // that may not, even so
  int64_t connect_timeout_ms = 10'000;
  int64_t idle_timeout_ms = 60'000;
  bool tells_client = false;  // hosts get the client's address: X-Real-IP, X-Forwarded-*

  // `host`: lower case, without brackets and final dot.
  bool admits_host(std::string_view host) const;
  bool admits_port(uint16_t port) const;
  bool admits_address(const IpAddress& address) const;
};

// Whether it belongs to the public internet: no loopback, private, link-local, shared, multicast,
// documentation or otherwise reserved block, in any form that IPv6 can write an IPv4 address in.
// Source: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890).
bool is_public(const IpAddress& address);

}  // namespace pylon::plugin
