// The sockets that a configuration wants, and those that are open.
#pragma once

#include <cstddef>
#include <vector>

#include "base/result.h"
#include "gateway/entry.h"
#include "gateway/inherited.h"
#include "gateway/settings.h"

namespace pylon::gateway {

struct WantedSocket {
  SocketKind kind;
  ListenAddress address;
  // Of several sockets on one address, between which the kernel spreads the senders of datagrams:
  // one for each worker.
  unsigned share = 0;
};

std::vector<WantedSocket> wanted_sockets(const Settings& settings);

// What is spoken at a socket that one of `configured` asked for.
Entry entry_of(const InheritedSocket& socket, Way way,
               const std::vector<ListenAddress>& configured);

// The sockets for datagrams of one worker: of each address the one of its share.
std::vector<int> datagram_sockets(const InheritedSockets& inherited, unsigned share);

// A TCP socket that listens: non-blocking, close-on-exec, without Nagle's delay for the connections
// accepted from it. One for all workers.
Result<Fd> open_listener(const ListenAddress& address);

// Open sockets by address. Gateway processes inherit the descriptors; a socket listens as long as
// one process has it.
class ListeningSockets {
 public:
  // Opens those of `wanted` that are not open. On an error nothing has changed.
  Result<void> add(const std::vector<WantedSocket>& wanted);
  // Closes all others.
  void keep_only(const std::vector<WantedSocket>& wanted);
  void close_all() { sockets_.clear(); }

  // -1: not open (an address that was wanted only if possible).
  int fd_of(const ListenAddress& address, unsigned share = 0) const;
  size_t size() const { return sockets_.size(); }

 private:
  struct Socket {
    ListenAddress address;
    unsigned share;
    Fd fd;
  };

  std::vector<Socket> sockets_;
};

}  // namespace pylon::gateway
