// What a server of HTTP needs from the gateway, whatever the version of the protocol.
#pragma once

#include <cstdint>
#include <string_view>

#include "async/task.h"
#include "base/ip.h"
#include "http/announced.h"
#include "http/downstream.h"
#include "http/exchange.h"
#include "http/h1/parser.h"

namespace pylon::net {
class Loop;
}
namespace pylon::tls {
class Stream;
}

namespace pylon::http {

struct ServerLimits {
  h1::HeadLimits head;
  uint64_t body_bytes = 0;                    // larger request bodies are answered 413; 0: any
  int64_t head_timeout_us = 60'000'000;       // from the first octet of a head to its last
  int64_t body_timeout_us = 60'000'000;       // between two reads of a body
  int64_t send_timeout_us = 10'000'000;       // between two writes that succeed
  int64_t keepalive_timeout_us = 60'000'000;  // between two requests
  int64_t linger_us = 5'000'000;  // a closed connection is still read, so that no answer is lost
};

// Answers exchanges. Belongs to one worker; outlives its connections.
class Service {
 public:
  virtual ~Service() = default;

  // Answers one request through exchange.downstream, and logs it. Ends only after the last push;
  // what the socket did not take yet is flushed by the connection.
  virtual async::Task<void> serve(Exchange& exchange) = 0;

  // The process drains: answers say Connection: close.
  virtual bool draining() const { return false; }
  // A connection was closed: its descriptor is free.
  virtual void on_closed() {}
};

// $connection: never used twice.
uint64_t next_connection_id();

// The two ends of a connection, with the client's address in text.
struct ConnectionEnds {
  IpAddress client;
  IpAddress server;
  const tls::Stream* tls = nullptr;  // the connection's own stream; null: plain
  Ref<const Announced> announced;    // null: the PROXY protocol is not spoken
  uint16_t client_port = 0;
  uint16_t server_port = 0;
  bool http2 = false;  // a client may begin with HTTP/2's preface
  uint8_t client_text_size = 0;
  char client_text[IpAddress::kMaxText];

  std::string_view client_name() const { return {client_text, client_text_size}; }
  void set_client(const IpAddress& address, uint16_t port) {
    client = address;
    client_port = port;
    client_text_size = static_cast<uint8_t>(address.to_text(client_text).size());
  }
  // What an exchange of this connection says about both ends; it views into this.
  void describe_to(Exchange& exchange) const;
};

}  // namespace pylon::http
