#include "gateway/api_endpoint.h"

#include "gateway/greeting.h"
#include "gateway/socket_ends.h"
#include "net/listener.h"
#include "net/tcp_stream.h"

namespace pylon::gateway {

// One connection in its handshake.
class ApiEndpoint::Guest final : public Greeting {
 public:
  Guest(ApiEndpoint& endpoint, std::unique_ptr<net::Stream> inner, const http::ConnectionEnds& ends)
      : Greeting(endpoint.tls_->handshakes(), endpoint.tls_->context(), std::move(inner), ends),
        endpoint_(endpoint) {}

 private:
  void opened(std::unique_ptr<tls::Stream> stream, const http::ConnectionEnds& ends) override {
    endpoint_.take(std::move(stream), ends);
  }

  ApiEndpoint& endpoint_;
};

// One listening socket.
class ApiEndpoint::Door final : public net::Listener::Acceptor, public net::Retirable {
 public:
  Door(ApiEndpoint& endpoint, int fd)
      : endpoint_(endpoint), near_(fd), listener_(endpoint.loop_, fd, *this) {}
  void shut() { listener_.stop(); }

 private:
  void on_accept(int fd, const sockaddr_storage& peer) override {
    http::ConnectionEnds ends = near_.ends_of(fd, peer);
    auto stream = net::TcpStream::adopt(endpoint_.loop_, fd);
    if (stream == nullptr) return;
    if (endpoint_.tls_ == nullptr) return endpoint_.take(std::move(stream), ends);
    new Guest(endpoint_, std::move(stream), ends);  // owns itself
  }
  bool may_accept() override {
    http::h1::ServerConnections& all = endpoint_.connections_;
    size_t open = all.idle.size() + all.busy.size() + endpoint_.handshakes();
    return open < kMaxConnections || all.shed_idle(1) != 0 || endpoint_.shed_handshake();
  }
  void on_exhausted() override { endpoint_.connections_.shed_idle(1); }

  ApiEndpoint& endpoint_;
  NearEnd near_;
  net::Listener listener_;
};

ApiEndpoint::ApiEndpoint(net::Loop& loop, http::ApiHandler handler, size_t body_limit,
                         std::unique_ptr<ApiTls> tls)
    : loop_(loop), service_(loop, std::move(handler), body_limit), tls_(std::move(tls)) {
  limits_.head.line_bytes = 32 << 10;
  limits_.head.head_bytes = 64 << 10;
  if (tls_ != nullptr && tls_->demands_certificates()) service_.demand_certificates();
}

bool ApiEndpoint::shed_handshake() { return tls_ != nullptr && tls_->handshakes().shed_silent(); }

ApiEndpoint::~ApiEndpoint() {
  shut_doors();
  if (tls_ != nullptr) tls_->handshakes().close_all();
  connections_.close_all();
}

void ApiEndpoint::take(std::unique_ptr<net::Stream> stream, const http::ConnectionEnds& ends) {
  http::h1::ServerConnection::open(loop_, std::move(stream), ends, limits_, service_, connections_);
}

void ApiEndpoint::listen(int fd) {
  service_.set_draining(false);
  doors_.push_back(std::make_unique<Door>(*this, fd));
}

void ApiEndpoint::retire() {
  shut_doors();
  service_.set_draining(true);
}

void ApiEndpoint::close_unused() {
  connections_.close_unused(loop_.now_us());
  if (tls_ != nullptr) tls_->handshakes().close_silent();
}

void ApiEndpoint::shut_doors() {
  for (auto& door : doors_) {
    door->shut();
    loop_.retire(door.release());  // events of this turn may still name it
  }
  doors_.clear();
}

}  // namespace pylon::gateway
