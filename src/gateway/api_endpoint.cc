#include "gateway/api_endpoint.h"

#include "gateway/socket_ends.h"
#include "net/listener.h"
#include "net/tcp_stream.h"

namespace pylon::gateway {

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
    http::h1::ServerConnection::open(endpoint_.loop_, std::move(stream), ends, endpoint_.limits_,
                                     endpoint_.service_, endpoint_.connections_);
  }
  bool may_accept() override {
    http::h1::ServerConnections& all = endpoint_.connections_;
    return all.idle.size() + all.busy.size() < kMaxConnections || all.shed_idle(1) != 0;
  }
  void on_exhausted() override { endpoint_.connections_.shed_idle(1); }

  ApiEndpoint& endpoint_;
  NearEnd near_;
  net::Listener listener_;
};

ApiEndpoint::ApiEndpoint(net::Loop& loop, http::ApiHandler handler, size_t body_limit)
    : loop_(loop), service_(std::move(handler), body_limit) {
  limits_.head.line_bytes = 32 << 10;
  limits_.head.head_bytes = 64 << 10;
}

ApiEndpoint::~ApiEndpoint() {
  shut_doors();
  connections_.close_all();
}

void ApiEndpoint::listen(int fd) {
  service_.set_draining(false);
  doors_.push_back(std::make_unique<Door>(*this, fd));
}

void ApiEndpoint::retire() {
  shut_doors();
  service_.set_draining(true);
}

void ApiEndpoint::shut_doors() {
  for (auto& door : doors_) {
    door->shut();
    loop_.retire(door.release());  // events of this turn may still name it
  }
  doors_.clear();
}

}  // namespace pylon::gateway
