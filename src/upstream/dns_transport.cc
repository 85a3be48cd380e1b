#include "upstream/dns_transport.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>

#include "base/socket_address.h"
#include "net/loop.h"
#include "net/tcp_stream.h"
#include "net/waker.h"

namespace pylon::upstream::dns {
namespace {

constexpr int kMaxStrayDatagrams = 64;  // then somebody is guessing ids: give up

// A connected datagram socket: the kernel drops what does not come from the server, and gives it a
// random port.
class Datagrams final : public net::Watcher, public net::Retirable {
 public:
  Datagrams(net::Loop& loop, net::Waker& waker) : loop_(loop), waker_(&waker) {}
  ~Datagrams() override {
    if (fd_ >= 0) ::close(fd_);
  }

  bool open(const Server& server) {
    SocketAddress to(server.address, server.port);
    fd_ = ::socket(to.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd_ >= 0 && ::connect(fd_, to.get(), to.size()) == 0 &&
           loop_.watch(fd_, *this, EPOLLIN | EPOLLET);
  }
  bool send(const std::string& message) {
    return ::send(fd_, message.data(), message.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(message.size());
  }
  // What came, or `again` when nothing is there; false when the server cannot be reached.
  bool receive(std::string_view& message, bool& again) {
    ssize_t got = ::recv(fd_, buffer_.data(), buffer_.size(), 0);
    again = got < 0 && (errno == EAGAIN || errno == EINTR);
    message = {buffer_.data(), got > 0 ? static_cast<size_t>(got) : 0};
    return got >= 0 || again;
  }
  void leave() {
    waker_ = nullptr;
    loop_.retire(this);
  }

 private:
  void on_events(uint32_t) override {
    if (waker_ != nullptr) waker_->wake();
  }

  net::Loop& loop_;
  net::Waker* waker_;
  int fd_ = -1;
  std::array<char, 4096> buffer_;
};

// Events of this turn may still name what a finished question leaves behind.
struct Leave {
  void operator()(Datagrams* datagrams) const { datagrams->leave(); }
};

Answer no_answer() {
  Answer answer;
  answer.outcome = Outcome::no_answer;
  return answer;
}

// Takes datagrams until one is our answer. False: wait for more.
bool take_answer(Datagrams& datagrams, const Question& question, int& strays, Answer& answer) {
  for (;;) {
    std::string_view message;
    bool again = false;
    if (!datagrams.receive(message, again)) return true;
    if (again) return false;
    Answer candidate = decode(message, question);
    if (candidate.outcome != Outcome::not_ours) {
      answer = std::move(candidate);
      return true;
    }
    if (++strays > kMaxStrayDatagrams) return true;
  }
}

// One question and answer over a stream: two octets of length before each message. RFC 1035 4.2.2.
class StreamExchange {
 public:
  explicit StreamExchange(const Question& question) {
    std::string message = encode(question);
    out_ += static_cast<char>(message.size() >> 8);
    out_ += static_cast<char>(message.size() & 0xff);
    out_ += message;
  }

  // Does what can be done now. True when it is over, well or not.
  bool advance(net::Stream& stream) {
    if (stream.broken()) return true;
    while (sent_ < out_.size() && stream.can_write()) {
      net::Io io = stream.write(out_.data() + sent_, out_.size() - sent_);
      if (io.state == net::IoState::error) return true;
      sent_ += io.bytes;
    }
    std::array<char, 4096> buffer;
    while (!complete() && stream.can_read()) {
      net::Io io = stream.read(buffer.data(), buffer.size());
      if (io.state == net::IoState::end || io.state == net::IoState::error) return true;
      in_.append(buffer.data(), io.bytes);
    }
    return complete();
  }
  bool complete() const { return in_.size() >= 2 && in_.size() >= 2 + expected(); }
  std::string_view message() const { return std::string_view(in_).substr(2, expected()); }

 private:
  size_t expected() const {
    return static_cast<size_t>(static_cast<uint8_t>(in_[0])) << 8 | static_cast<uint8_t>(in_[1]);
  }

  std::string out_;
  size_t sent_ = 0;
  std::string in_;
};

// As Leave, for a stream.
struct RetiredStream final : net::Retirable {
  explicit RetiredStream(std::unique_ptr<net::TcpStream> s) : stream(std::move(s)) {}
  std::unique_ptr<net::TcpStream> stream;
};

struct StreamGuard {
  net::Loop& loop;
  std::unique_ptr<net::TcpStream> stream;
  ~StreamGuard() {
    if (stream == nullptr) return;
    stream->set_waker(nullptr);
    loop.retire(new RetiredStream(std::move(stream)));
  }
};

std::unique_ptr<net::TcpStream> connect(net::Loop& loop, const Server& server) {
  SocketAddress to(server.address, server.port);
  return net::TcpStream::connect(loop, to.get(), to.size());
}

}  // namespace

async::Task<Answer> NetTransport::ask_udp(const Server& server, const Question& question,
                                          int64_t timeout_ms) {
  net::Waker waker(loop_);
  std::unique_ptr<Datagrams, Leave> datagrams(new Datagrams(loop_, waker));
  Answer answer = no_answer();
  if (!datagrams->open(server) || !datagrams->send(encode(question))) co_return answer;
  int64_t deadline_us = loop_.now_us() + timeout_ms * 1000;
  int strays = 0;
  while (!take_answer(*datagrams, question, strays, answer)) {
    net::Wake wake = co_await waker.wait(deadline_us);
    if (wake == net::Wake::timeout) break;
  }
  co_return answer;
}

async::Task<Answer> NetTransport::ask_tcp(const Server& server, const Question& question,
                                          int64_t timeout_ms) {
  net::Waker waker(loop_);
  StreamGuard guard{loop_, connect(loop_, server)};
  if (guard.stream == nullptr) co_return no_answer();
  guard.stream->set_waker(&waker);
  StreamExchange exchange(question);
  int64_t deadline_us = loop_.now_us() + timeout_ms * 1000;
  while (!exchange.advance(*guard.stream)) {
    net::Wake wake = co_await waker.wait(deadline_us);
    if (wake == net::Wake::timeout) break;
  }
  if (!exchange.complete()) co_return no_answer();
  Answer answer = decode(exchange.message(), question);
  if (answer.outcome == Outcome::not_ours) answer.outcome = Outcome::malformed;
  co_return answer;
}

}  // namespace pylon::upstream::dns
