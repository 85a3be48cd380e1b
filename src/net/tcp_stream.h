// TcpStream: a connected (or connecting) TCP or unix socket in an event loop.
#pragma once

#include <sys/socket.h>

#include <memory>

#include "net/loop.h"
#include "net/stream.h"

namespace pylon::net {

class TcpStream final : public Stream, private Watcher {
 public:
  // Takes an accepted, non-blocking socket. Null when the loop cannot watch it (it is closed then).
  static std::unique_ptr<TcpStream> adopt(Loop& loop, int fd);
  // Starts to connect; can_write() turns true when the connection stands, broken() when it failed.
  // Null with errno set when not even a socket could be had.
  static std::unique_ptr<TcpStream> connect(Loop& loop, const sockaddr* address, socklen_t size);

  ~TcpStream() override;
  Io read(char* into, size_t size) override;
  Io write(const iovec* parts, int count) override;
  using Stream::write;
  Io write_last(const iovec* parts, int count) override;
  using Stream::write_last;
  bool pipes() const override { return true; }
  Io fill(Pipe& pipe, size_t at_most) override;
  Io drain(Pipe& pipe) override;
  void shutdown_write() override;
  void close(bool reset) override;
  uint64_t acknowledged(uint64_t written) const override;
  bool stirred(bool thorough) override;

  int fd() const { return fd_; }

 private:
  TcpStream(Loop& loop, int fd) : loop_(loop), fd_(fd) {}
  void on_events(uint32_t epoll_events) override;
  void finish_connect(uint32_t epoll_events);
  template <class Send>
  Io send(Send once);
  Io end_of_input();
  Io fail(int error);

  Loop& loop_;
  int fd_;
  bool watches_write_ = false;
  bool plain_end_ = false;  // no urgent data was there when the peer's end was announced
};

}  // namespace pylon::net
