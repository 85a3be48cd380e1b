// Listener: accepts connections from a listening socket that several workers may share.
//
// The kernel wakes one of them for each connection. One that dies or stops in that moment leaves
// the connection to nobody until the next one comes, so each also looks once a second.
//
// When descriptors run out it stops watching the socket and tries again when asked to (a connection
// was closed) or after a short pause: no busy loop, and the kernel's backlog holds the clients.
#pragma once

#include <sys/socket.h>

#include <cstdint>

#include "net/loop.h"

namespace pylon::net {

class Listener final : private Watcher, private Timer {
 public:
  class Acceptor {
   public:
    // A new non-blocking socket, owned by the callee now.
    virtual void on_accept(int fd, const sockaddr_storage& peer) = 0;
    // Whether one more connection may be taken now.
    virtual bool may_accept() = 0;
    // accept() failed for want of descriptors or memory.
    virtual void on_exhausted() = 0;

   protected:
    ~Acceptor() = default;
  };

  // `fd`: a listening, non-blocking socket; stays owned by the caller.
  Listener(Loop& loop, int fd, Acceptor& acceptor);
  ~Listener() override;

  void accept_waiting();  // a batch of those who wait now, without being woken for them
  void stop();            // for good: the process drains
  void resume();          // there may be room again

 private:
  static constexpr int kAcceptsPerTurn = 32;
  static constexpr int kAcceptsUnasked = 256;
  static constexpr int kPatience = 8;  // full batches before they grow
  static constexpr int64_t kPauseUs = 100'000;
  static constexpr int64_t kLookUs = 1'000'000;

  void on_events(uint32_t) override;
  void fire() override;
  int accept(int at_most);
  void pause();

  Loop& loop_;
  int fd_;
  Acceptor& acceptor_;
  int batch_ = 1;  // accepts in a turn
  int full_batches_ = 0;
  bool paused_ = true;
  bool stopped_ = false;
};

}  // namespace pylon::net
