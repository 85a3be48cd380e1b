// TcpStream: a connected (or connecting) TCP or unix socket in an event loop.
#pragma once

#include <sys/socket.h>

#include <memory>
#include <string>
#include <string_view>

#include "net/loop.h"
#include "net/stream.h"
#include "net/waker.h"

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
  bool pipes() const override { return ahead_.empty(); }
  Io fill(Pipe& pipe, size_t at_most) override;
  Io drain(Pipe& pipe) override;
  void shutdown_write() override;
  void close(bool reset) override;
  void receive_ahead() override { receives_ahead_ = true; }
  std::span<char> lend(size_t at_most) override;
  uint64_t acknowledged(uint64_t written) const override;
  size_t untaken() const override { return untaken_; }
  bool stirred(bool thorough) override;

  int fd() const { return fd_; }

 private:
  friend class Batch;
  struct Leftover {  // of a turn; seldom anything
    std::string in;
    std::string out;
  };

  TcpStream(Loop& loop, int fd) : loop_(loop), fd_(fd) {}
  void on_events(uint32_t epoll_events) override;
  void arrive(uint32_t epoll_events) override;
  void keep_arrival();
  Io read_ahead(char* into, size_t size);
  Io pipe_ahead(Pipe& pipe, size_t at_most);
  Io use_ahead(size_t octets);
  void depart(std::string_view octets);
  void send_leftover();
  std::string_view send_on(std::string_view octets);
  void watch_room();
  void wake() {
    if (waker_ != nullptr) waker_->wake();
  }
  void finish_connect(uint32_t epoll_events);
  template <class Send>
  Io send(Send once);
  Io end_of_input();
  Io fail(int error);

  Loop& loop_;
  int fd_;
  uint32_t untaken_ = 0;
  std::string_view ahead_;  // received before it was asked for: in the batch, or in `leftover_`
  std::unique_ptr<Leftover> leftover_;
  uint8_t departure_ = 0;  // its place in the batch, from 1; 0: nothing waits there
  bool receives_ahead_ = false;
  bool more_than_ahead_ = false;  // the socket may hold more than was received ahead
  bool brings_much_ = false;      // the last message was long: the next one is not received ahead
  bool ends_ = false;             // our end mark follows what was written
  bool watches_write_ = false;
  bool plain_end_ = false;  // no urgent data was there when the peer's end was announced
};

}  // namespace pylon::net
