// Datagrams: a batch of them, received in one system call and sent on in another. One for all UDP
// sockets of a thread: what is received is to be used before the next receive().
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/ip.h"

namespace pylon::net {

class Datagrams {
 public:
  static constexpr unsigned kMost = 32;
  static constexpr size_t kBytes = 64 << 10;  // no datagram is longer

  Datagrams();
  Datagrams(const Datagrams&) = delete;
  Datagrams& operator=(const Datagrams&) = delete;

  // How many came; 0: none waits; -1: errno tells.
  int receive(int fd);
  std::string_view octets(unsigned index) const;
  const sockaddr_storage& from(unsigned index) const { return from_[index]; }
  // Where it was sent to, of a socket prepared by tell_local(); else the wildcard address.
  IpAddress local(unsigned index) const;

  // Those in [first, first + count): to whom a connected socket is connected, or to one address
  // from one of ours (`local`; null: the socket's own). Returns how many left; -1: none, errno
  // tells.
  int send(int fd, unsigned first, unsigned count);
  int send_to(int fd, unsigned count, const sockaddr_storage& to, const IpAddress* local);

  // Of a socket on a wildcard address: each datagram shall tell which of our addresses it came to.
  static void tell_local(int fd);

 private:
  struct Control {
    alignas(cmsghdr) char octets[CMSG_SPACE(sizeof(in6_pktinfo))];
  };

  int send_all(int fd, unsigned first, unsigned count);

  std::unique_ptr<char[]> octets_;  // pages that no long datagram touched take no memory
  mmsghdr messages_[kMost];
  iovec parts_[kMost];
  sockaddr_storage from_[kMost];
  Control controls_[kMost];
};

}  // namespace pylon::net
