#include "net/tcp_stream.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "net/pipe.h"

namespace pylon::net {
namespace {

constexpr uint32_t kReadEvents = EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET;
constexpr uint32_t kAllEvents = kReadEvents | EPOLLOUT;

// The C library's calls are points where a thread may be cancelled, which costs each some sixty
// instructions more. Sanitizers want to see them all the same.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(SYS_recvfrom)
ssize_t receive(int fd, char* into, size_t size) { return ::recv(fd, into, size, 0); }
ssize_t send_one(int fd, const iovec& part, int flags) {
  return ::send(fd, part.iov_base, part.iov_len, MSG_NOSIGNAL | flags);
}
ssize_t send_all(int fd, const msghdr& message, int flags) {
  return ::sendmsg(fd, &message, MSG_NOSIGNAL | flags);
}
#else
ssize_t receive(int fd, char* into, size_t size) {
  return ::syscall(SYS_recvfrom, fd, into, size, 0, nullptr, nullptr);
}
ssize_t send_one(int fd, const iovec& part, int flags) {
  return ::syscall(SYS_sendto, fd, part.iov_base, part.iov_len, MSG_NOSIGNAL | flags, nullptr, 0);
}
ssize_t send_all(int fd, const msghdr& message, int flags) {
  return ::syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL | flags);
}
#endif

// A short message costs the kernel less in one piece than the list of its pieces does.
constexpr size_t kCopied = 2048;

ssize_t send_copied(int fd, const iovec* parts, int count, size_t size, int flags) {
  char whole[kCopied];
  char* end = whole;
  for (int i = 0; i < count; i++) {
    std::memcpy(end, parts[i].iov_base, parts[i].iov_len);
    end += parts[i].iov_len;
  }
  return send_one(fd, {whole, size}, flags);
}

ssize_t send_parts(int fd, const iovec* parts, int count, int flags) {
  if (count == 1) return send_one(fd, *parts, flags);
  size_t size = 0;
  for (int i = 0; i < count; i++) size += parts[i].iov_len;
  if (size <= kCopied) return send_copied(fd, parts, count, size, flags);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts);
  message.msg_iovlen = static_cast<size_t>(count);
  return send_all(fd, message, flags);
}

}  // namespace

std::unique_ptr<TcpStream> TcpStream::adopt(Loop& loop, int fd) {
  std::unique_ptr<TcpStream> stream(new TcpStream(loop, fd));
  if (!loop.watch(fd, *stream, kReadEvents)) return nullptr;
  return stream;
}

std::unique_ptr<TcpStream> TcpStream::connect(Loop& loop, const sockaddr* address, socklen_t size) {
  int fd = ::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return nullptr;
  std::unique_ptr<TcpStream> stream(new TcpStream(loop, fd));
  if (address->sa_family != AF_UNIX) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  if (::connect(fd, address, size) != 0 && errno != EINPROGRESS) {
    stream->fail(errno);
    return stream;
  }
  stream->connecting_ = true;
  stream->can_write_ = false;
  stream->watches_write_ = true;
  if (!loop.watch(fd, *stream, kAllEvents)) return nullptr;
  return stream;
}

TcpStream::~TcpStream() { close(false); }

Io TcpStream::read(char* into, size_t size) {
  if (!can_read_) return {broken_ ? IoState::error : IoState::again};
  if (!ahead_.empty()) return read_ahead(into, size);
  for (;;) {
    ssize_t got = receive(fd_, into, size);
    if (got > 0) {
      brings_much_ = static_cast<size_t>(got) >= Batch::kLongestIn;
      // Fewer than asked for: the socket is empty, and its next octet raises a new event.
      if (static_cast<size_t>(got) < size) {
        if (!peer_ended_) {
          can_read_ = false;
        } else {
          at_end_ = plain_end_;
        }
      }
      return {IoState::ok, static_cast<size_t>(got)};
    }
    if (got == 0) return end_of_input();
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return fail(errno);
    can_read_ = false;
    return {IoState::again};
  }
}

// The time of arrivals: what has come lies in the batch when somebody asks for it. Not for a stream
// whose user has left octets in the socket: nobody waits for more.
void TcpStream::arrive(uint32_t events) {
  bool plain = (events & EPOLLIN) != 0 && (events & ~uint32_t{EPOLLIN | EPOLLOUT}) == 0;
  if (!plain || !receives_ahead_ || can_read_ || brings_much_ || connecting_) return;
  char* room = loop_.batch().room();
  if (room == nullptr) return;
  ssize_t got = receive(fd_, room, Batch::kLongestIn);
  if (got < 0 && errno != EAGAIN && errno != EINTR) fail(errno);
  if (got <= 0) return;
  ahead_ = {room, static_cast<size_t>(got)};
  brings_much_ = more_than_ahead_ = ahead_.size() == Batch::kLongestIn;
  loop_.batch().arrived(*this, ahead_.size());
}

// Nobody has read it in its turn. What comes behind it from now on raises an event that tells
// nothing new, so the socket is asked again.
void TcpStream::keep_arrival() {
  if (ahead_.empty()) return;
  if (leftover_ == nullptr) leftover_ = std::make_unique<Leftover>();
  leftover_->in = ahead_;
  ahead_ = leftover_->in;
  more_than_ahead_ = true;
}

std::span<char> TcpStream::lend(size_t at_most) {
  if (ahead_.empty() || !can_read_ || ahead_.size() > at_most || leftover_ != nullptr) return {};
  std::span<char> lent(const_cast<char*>(ahead_.data()), ahead_.size());  // the batch's memory
  ahead_ = {};
  can_read_ = more_than_ahead_;
  return lent;
}

Io TcpStream::read_ahead(char* into, size_t size) {
  size_t got = std::min(size, ahead_.size());
  std::memcpy(into, ahead_.data(), got);
  return use_ahead(got);
}

Io TcpStream::pipe_ahead(Pipe& pipe, size_t at_most) {
  ssize_t put = pipe.put(ahead_.substr(0, at_most));
  if (put <= 0) return fail(errno);
  return use_ahead(static_cast<size_t>(put));
}

Io TcpStream::use_ahead(size_t octets) {
  ahead_.remove_prefix(octets);
  if (ahead_.empty()) {
    can_read_ = more_than_ahead_;
    if (leftover_ != nullptr && leftover_->out.empty()) leftover_.reset();
  }
  return {IoState::ok, octets};
}

Io TcpStream::fill(Pipe& pipe, size_t at_most) {
  if (!can_read_) return {broken_ ? IoState::error : IoState::again};
  if (!ahead_.empty()) return pipe_ahead(pipe, at_most);
  brings_much_ = true;
  for (;;) {
    ssize_t got = pipe.fill(fd_, at_most);
    if (got > 0) return {IoState::ok, static_cast<size_t>(got)};
    if (got == 0) return end_of_input();
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return fail(errno);
    can_read_ = false;
    return {IoState::again};
  }
}

Io TcpStream::end_of_input() {
  peer_ended_ = true;
  if (broken_) return {IoState::error};  // a reset's error was fetched already
  return {IoState::end};
}

// `once` tries to send and answers as write(2) does.
template <class Send>
Io TcpStream::send(Send once) {
  if (departure_ != 0) loop_.batch().send(*this);
  if (!can_write_) return {broken_ ? IoState::error : IoState::again};
  for (;;) {
    ssize_t sent = once();
    if (sent > 0) return {IoState::ok, static_cast<size_t>(sent)};
    if (sent == 0) return {IoState::again};
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return fail(errno);
    watch_room();
    return {IoState::again};
  }
}

// The socket is full. From the first time on the loop tells when there is room.
void TcpStream::watch_room() {
  can_write_ = false;
  if (watches_write_) return;
  watches_write_ = true;
  loop_.rewatch(fd_, *this, kAllEvents);
}

Io TcpStream::write(const iovec* parts, int count) {
  if (can_write_ && loop_.batch().is_open()) {
    if (size_t taken = loop_.batch().take(*this, parts, count); taken != 0) {
      untaken_ += static_cast<uint32_t>(taken);
      return {IoState::ok, taken};
    }
  }
  return send([&] { return send_parts(fd_, parts, count, 0); });
}

// The time of departures, for what write() took in this turn.
void TcpStream::depart(std::string_view octets) {
  departure_ = 0;
  octets = send_on(octets);
  if (octets.empty() || broken_) return;
  if (leftover_ == nullptr) leftover_ = std::make_unique<Leftover>();
  leftover_->out = octets;
}

// There is room again: for the rest of a departure first.
void TcpStream::send_leftover() {
  std::string& out = leftover_->out;
  out.erase(0, out.size() - send_on(out).size());
  if (!out.empty()) return;
  if (ends_) ::shutdown(fd_, SHUT_WR);
  if (ahead_.empty()) leftover_.reset();
}

// Sends until the socket is full. What it would not take.
std::string_view TcpStream::send_on(std::string_view octets) {
  while (!octets.empty()) {
    ssize_t sent = send_one(fd_, {const_cast<char*>(octets.data()), octets.size()}, 0);
    if (sent >= 0) {
      octets.remove_prefix(static_cast<size_t>(sent));
    } else if (errno != EINTR) {
      errno == EAGAIN ? watch_room() : static_cast<void>(fail(errno));
      break;
    }
  }
  untaken_ = static_cast<uint32_t>(octets.size());
  return octets;
}

Io TcpStream::drain(Pipe& pipe) {
  return send([&] { return pipe.drain(fd_); });
}

// With MSG_MORE the kernel holds them for the end mark, which then costs no segment of its own.
Io TcpStream::write_last(const iovec* parts, int count) {
  return send([&] { return send_parts(fd_, parts, count, MSG_MORE); });
}

void TcpStream::shutdown_write() {
  loop_.batch().send(*this);
  ends_ = true;
  if (!broken_ && untaken_ == 0) ::shutdown(fd_, SHUT_WR);
}

void TcpStream::close(bool reset) {
  if (fd_ < 0) return;
  loop_.batch().send(*this);
  ahead_ = {};
  leftover_.reset();
  if (reset) {
    linger hard{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  }
  ::close(fd_);
  fd_ = -1;
  can_read_ = can_write_ = connecting_ = receives_ahead_ = false;
  broken_ = true;
}

uint64_t TcpStream::acknowledged(uint64_t written) const {
  int octets = 0;
  if (fd_ < 0 || ioctl(fd_, SIOCOUTQ, &octets) != 0 || octets < 0) return written;
  return written - untaken_ - static_cast<uint64_t>(octets);
}

bool TcpStream::stirred(bool thorough) {
  if (!ahead_.empty()) return can_read_ = true;  // its event may be still to come in this turn
  if (!thorough || fd_ < 0) return can_read_;
  char octet;
  can_read_ = ::recv(fd_, &octet, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
  return can_read_;
}

void TcpStream::on_events(uint32_t events) {
  if (fd_ < 0) return;  // closed earlier in this turn
  if (connecting_) {
    finish_connect(events);
  } else {
    if ((events & EPOLLOUT) != 0 && !broken_) {
      can_write_ = true;
      if (leftover_ != nullptr && !leftover_->out.empty()) send_leftover();
    }
    if (events & EPOLLERR) {
      int error = 0;
      socklen_t size = sizeof error;
      getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) fail(error);
    }
  }
  if (events & (EPOLLRDHUP | EPOLLHUP)) {
    peer_ended_ = true;
    plain_end_ = (events & (EPOLLPRI | EPOLLHUP | EPOLLERR)) == 0;
  }
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) can_read_ = !connecting_;
  wake();
}

void TcpStream::finish_connect(uint32_t events) {
  int error = 0;
  socklen_t size = sizeof error;
  bool doubtful = (events & (EPOLLERR | EPOLLHUP)) != 0 || (events & EPOLLOUT) == 0;
  if (doubtful && getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  connecting_ = false;
  if (error != 0) {
    fail(error);
  } else {
    can_write_ = true;
  }
}

Io TcpStream::fail(int error) {
  error_ = error;
  broken_ = true;
  can_write_ = false;
  return {IoState::error};
}

}  // namespace pylon::net
