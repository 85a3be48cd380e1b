// Transport: one question to one name server, one answer. The resolver's way to the network.
#pragma once

#include <cstdint>

#include "async/task.h"
#include "upstream/dns_config.h"
#include "upstream/dns_message.h"

namespace pylon::net {
class Loop;
}

namespace pylon::upstream::dns {

class Transport {
 public:
  virtual ~Transport() = default;
  // The outcome is never not_ours. Server and question must live until the answer is there.
  virtual async::Task<Answer> ask_udp(const Server& server, const Question& question,
                                      int64_t timeout_ms) = 0;
  virtual async::Task<Answer> ask_tcp(const Server& server, const Question& question,
                                      int64_t timeout_ms) = 0;
};

// Over the sockets of a loop. Every question has a socket, and so a random port, of its own, which
// takes datagrams from its server only.
class NetTransport final : public Transport {
 public:
  explicit NetTransport(net::Loop& loop) : loop_(loop) {}

  async::Task<Answer> ask_udp(const Server& server, const Question& question,
                              int64_t timeout_ms) override;
  async::Task<Answer> ask_tcp(const Server& server, const Question& question,
                              int64_t timeout_ms) override;

 private:
  net::Loop& loop_;
};

}  // namespace pylon::upstream::dns
