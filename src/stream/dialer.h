// Dialer: where sessions get their connections to nodes from: the network, or memory in tests. One
// per worker.
#pragma once

#include <memory>

#include "net/tcp_stream.h"
#include "upstream/endpoint.h"

namespace pylon::stream {

class Dialer {
 public:
  // Starts to connect: connecting() until it stands or is broken(). Null, with errno set: no
  // descriptor is free.
  virtual std::unique_ptr<net::Stream> connect(const upstream::Endpoint& endpoint) = 0;

 protected:
  ~Dialer() = default;
};

class TcpDialer final : public Dialer {
 public:
  explicit TcpDialer(net::Loop& loop) : loop_(loop) {}
  std::unique_ptr<net::Stream> connect(const upstream::Endpoint& endpoint) override {
    return net::TcpStream::connect(loop_, endpoint.socket_address(),
                                   endpoint.socket_address_bytes());
  }

 private:
  net::Loop& loop_;
};

}  // namespace pylon::stream
