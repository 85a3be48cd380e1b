#include "net/listener.h"

#include <algorithm>
#include <cerrno>

namespace pylon::net {

Listener::Listener(Loop& loop, int fd, Acceptor& acceptor)
    : Timer(loop.timers()), loop_(loop), fd_(fd), acceptor_(acceptor) {
  resume();
}

Listener::~Listener() { stop(); }

void Listener::stop() {
  if (!paused_) loop_.unwatch(fd_);
  paused_ = true;
  stopped_ = true;
  disarm();
}

void Listener::resume() {
  if (!paused_ || stopped_) return;
  // Level-triggered and exclusive: one of the workers that share the socket is woken.
  paused_ = !loop_.watch(fd_, *this, EPOLLIN | EPOLLEXCLUSIVE);
  arm(loop_.now_us() + (paused_ ? kPauseUs : kLookUs));
}

void Listener::pause() {
  if (paused_) return;
  loop_.unwatch(fd_);
  paused_ = true;
  arm(loop_.now_us() + kPauseUs);
}

void Listener::fire() {
  if (paused_) return resume();
  arm(loop_.now_us() + kLookUs);
  accept_waiting();
}

void Listener::accept_waiting() { accept(kAcceptsUnasked); }

// An accept that finds nobody costs as much as a read. So as many are tried as there were lately;
// who is left over raises the next turn's event.
void Listener::on_events(uint32_t) {
  int accepted = accept(batch_);
  if (accepted < batch_) {
    batch_ = std::max(accepted, 1);
    full_batches_ = 0;
    return;
  }
  if (++full_batches_ < kPatience) return;
  full_batches_ = 0;
  batch_ = std::min(batch_ * 2, kAcceptsPerTurn);
}

// Fewer than `at_most`: nobody else waits, or nobody else may be taken now.
int Listener::accept(int at_most) {
  for (int accepted = 0; accepted < at_most; accepted++) {
    if (paused_) return accepted;
    if (!acceptor_.may_accept()) {
      pause();
      return accepted;
    }
    sockaddr_storage peer;
    socklen_t size = sizeof peer;
    int fd =
        ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      acceptor_.on_accept(fd, peer);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      acceptor_.on_exhausted();
      pause();
    }
    return accepted;
  }
  return at_most;
}

}  // namespace pylon::net
