// The PROXY protocol: how a load balancer in front tells whose connection it passes on.
//
// Version 1 is one line of text, version 2 is binary; what a connection begins with tells which.
// Source: haproxy's doc/proxy-protocol.txt (2020/03/05), sections 2.1 and 2.2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/ip.h"

namespace pylon::net {

struct ProxyHeader {
  enum class State : uint8_t { incomplete, malformed, complete };

  // Of either version; what is announced to be longer is malformed. The specification's own
  // example of many extensions has some 500 octets.
  static constexpr size_t kMaxBytes = 4096;
  static constexpr size_t kMaxLine = 107;  // version 1, with CR LF

  State state = State::incomplete;
  // The sender tells no ends: it speaks for itself (a health check), or of something that has no
  // IP addresses. Then the connection's own ends count.
  bool unknown = false;
  IpAddress client, server;
  uint16_t client_port = 0;
  uint16_t server_port = 0;
  size_t bytes = 0;         // of a complete header: what follows belongs to the connection
  const char* reason = "";  // of a malformed one
};

// `octets`: what the connection began with.
ProxyHeader read_proxy_header(std::string_view octets);

// Version 1 into `line`, for a connection that we make for this client. Ends of different families
// cannot be told: UNKNOWN.
std::string_view write_proxy_header(const IpAddress& client, uint16_t client_port,
                                    const IpAddress& server, uint16_t server_port,
                                    char (&line)[ProxyHeader::kMaxLine + 1]);

}  // namespace pylon::net
