#include "gateway/api_endpoint.h"

#include "gateway/socket_ends.h"
#include "net/tcp_stream.h"

namespace pylon::gateway {

ApiEndpoint::ApiEndpoint(net::Loop& loop, http::ApiHandler handler, size_t body_limit)
    : loop_(loop), service_(std::move(handler), body_limit) {
  limits_.head.line_bytes = 32 << 10;
  limits_.head.head_bytes = 64 << 10;
}

ApiEndpoint::~ApiEndpoint() { connections_.close_all(); }

void ApiEndpoint::listen(int fd) {
  listeners_.push_back(std::make_unique<net::Listener>(loop_, fd, *this));
}

void ApiEndpoint::on_accept(int fd, const sockaddr_storage& peer) {
  http::ConnectionEnds ends = ends_of(fd, peer);
  auto stream = net::TcpStream::adopt(loop_, fd);
  if (stream == nullptr) return;
  http::h1::ServerConnection::open(loop_, std::move(stream), ends, limits_, service_, connections_);
}

bool ApiEndpoint::may_accept() {
  size_t open = connections_.idle.size() + connections_.busy.size();
  return open < kMaxConnections || connections_.shed_idle(1) != 0;
}

}  // namespace pylon::gateway
