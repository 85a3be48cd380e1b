// SocketAddress: an IP address and a port as the kernel takes them. ip(7), ipv6(7).
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

#include "base/ip.h"

namespace pylon {

class SocketAddress {
 public:
  SocketAddress(const IpAddress& ip, uint16_t port);

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  int family() const { return storage_.ss_family; }

 private:
  sockaddr_storage storage_{};
  socklen_t size_;
};

}  // namespace pylon
