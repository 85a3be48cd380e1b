// ClientHello: the server name that a TLS client asks for, read from what it sends without taking
// part in the handshake. Source: RFC 8446 5.1 and 4.1.2, RFC 6066 3, RFC 5246 7.4.1.2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pylon::tls {

struct ClientHello {
  enum class State : uint8_t {
    incomplete,  // more octets may make it one
    other,       // not TLS, or broken: there is nothing to be learnt
    complete,
  };

  // A message that announces more is `other`: with post-quantum key shares it has some 2 KiB.
  static constexpr size_t kMaxBytes = 16 << 10;

  State state = State::incomplete;
  std::string name;  // of a complete one: lower case; empty: it asks for none
};

// `octets`: what the client has sent so far. The message may be spread over several records.
ClientHello read_client_hello(std::string_view octets);

}  // namespace pylon::tls
