#include "gateway/introductions.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "net/proxy_header.h"
#include "net/waker.h"
#include "observe/log.h"

namespace pylon::gateway {

using net::ProxyHeader;

// One connection; deletes itself at the end of a turn.
class Introductions::Introduction final : public net::Retirable, public ListHook<Introduction> {
 public:
  Introduction(Introductions& all, std::unique_ptr<net::TcpStream> stream,
               const http::ConnectionEnds& ends, Entry entry)
      : all_(all),
        stream_(std::move(stream)),
        waker_(all.loop_, &Introduction::on_event, this),
        ends_(ends),
        entry_(entry) {
    all_.waiting_.push_back(*this);
    stream_->set_waker(&waker_);
    waker_.arm(all_.loop_.now_us() + all_.options_.timeout_us);
  }

  void look();
  void refuse(const char* reason);

 private:
  static void on_event(void* self);
  void take(const ProxyHeader& header);
  void finish();

  Introductions& all_;
  std::unique_ptr<net::TcpStream> stream_;
  net::Waker waker_;
  http::ConnectionEnds ends_;
  Entry entry_;
};

void Introductions::Introduction::on_event(void* self) {
  auto& introduction = *static_cast<Introduction*>(self);
  if (introduction.stream_ == nullptr) return;
  if (introduction.waker_.timed_out()) return introduction.refuse("it did not come in time");
  introduction.look();
}

void Introductions::Introduction::look() {
  char octets[ProxyHeader::kMaxBytes];
  ssize_t size = ::recv(stream_->fd(), octets, sizeof octets, MSG_PEEK | MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR) && !stream_->broken()) return;
  if (size <= 0) return refuse("the connection ended before it");
  ProxyHeader header = net::read_proxy_header({octets, static_cast<size_t>(size)});
  if (header.state == ProxyHeader::State::malformed) return refuse(header.reason);
  if (header.state == ProxyHeader::State::complete) return take(header);
  if (stream_->peer_ended()) refuse("the connection ended within it");
}

void Introductions::Introduction::take(const ProxyHeader& header) {
  char octets[ProxyHeader::kMaxBytes];
  net::Io io = stream_->read(octets, header.bytes);
  if (io.state != net::IoState::ok || io.bytes != header.bytes) return refuse("it cannot be read");
  if (!header.unknown) {
    auto announced = make_ref<http::Announced>();
    announced->client = header.client;
    announced->server = header.server;
    announced->client_port = header.client_port;
    announced->server_port = header.server_port;
    announced->socket = {ends_.client, ends_.client_port, {}};
    ends_.announced = announced;
    bool is_http = entry_.way == Way::http || entry_.way == Way::https;
    const IpSet& believed = is_http ? all_.options_.believed_http : all_.options_.believed_stream;
    if (believed.contains(ends_.client)) ends_.set_client(header.client, header.client_port);
  }
  std::unique_ptr<net::TcpStream> stream = std::move(stream_);
  stream->set_waker(nullptr);
  finish();
  all_.introduced_(std::move(stream), ends_, entry_);
}

void Introductions::Introduction::refuse(const char* reason) {
  if (stream_ == nullptr) return;
  all_.refused_++;
  observe::log(observe::Level::info, "client {}: PROXY protocol: {}", ends_.client_name(), reason);
  stream_->close(false);
  stream_.reset();
  finish();
}

void Introductions::Introduction::finish() {
  leave();
  waker_.disarm();
  all_.loop_.retire(this);
}

// ---- all of them

void Introductions::accept(std::unique_ptr<net::TcpStream> stream, const http::ConnectionEnds& ends,
                           Entry entry) {
  new Introduction(*this, std::move(stream), ends, entry);  // owns itself
}

void Introductions::close_all() {
  while (!waiting_.empty()) waiting_.front()->refuse("the gateway stops");
}

}  // namespace pylon::gateway
