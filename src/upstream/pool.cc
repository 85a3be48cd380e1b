#include "upstream/pool.h"

#include "net/tcp_stream.h"

namespace pylon::upstream {

using http::h1::ClientConnection;

Pool::~Pool() { shed(idle_); }

ClientConnection* Pool::take(const Endpoint& endpoint, const Keepalive& keepalive, bool thorough) {
  if (endpoint.id() >= lists_.size() || lists_[endpoint.id()] == nullptr) return nullptr;
  List& list = *lists_[endpoint.id()];
  while (!list.empty()) {
    ClientConnection& connection = *list.back();
    // An id is used again for another peer: the serial tells for whom the connection was made.
    if (connection.serial() == endpoint.serial() && connection.exchanges() < keepalive.requests &&
        !connection.stirred(thorough)) {
      connection.leave();
      idle_--;
      return &connection;
    }
    end(connection);
  }
  return nullptr;
}

ClientConnection* Pool::connect(const Endpoint& endpoint) {
  auto stream =
      net::TcpStream::connect(loop_, endpoint.socket_address(), endpoint.socket_address_bytes());
  if (stream == nullptr) return nullptr;
  connects_++;
  return new ClientConnection(loop_, std::move(stream), endpoint.serial());
}

void Pool::give_back(const Endpoint& endpoint, ClientConnection& connection,
                     const Keepalive& keepalive) {
  if (!connection.reusable() || connection.exchanges() >= keepalive.requests) {
    connection.end();
    return;
  }
  List& list = list_of(endpoint.id());
  if (list.size() >= keepalive.size) {
    if (list.empty()) {  // size 0: no keep-alive at all
      connection.end();
      return;
    }
    end(*list.front());
  }
  list.push_back(connection);
  idle_++;
  connection.rest(loop_.now_us() + keepalive.idle_timeout_ms * 1000, &Pool::dropped, this);
}

size_t Pool::shed(size_t at_most) {
  size_t shed = 0;
  for (auto& list : lists_) {
    while (list != nullptr && !list->empty() && shed < at_most) {
      end(*list->front());
      shed++;
    }
  }
  return shed;
}

void Pool::dropped(void* pool, ClientConnection& connection) {
  static_cast<Pool*>(pool)->end(connection);
}

void Pool::end(ClientConnection& connection) {
  idle_--;
  connection.end();
}

Pool::List& Pool::list_of(EndpointId id) {
  if (id >= lists_.size()) lists_.resize(id + 1);
  if (lists_[id] == nullptr) lists_[id] = std::make_unique<List>();
  return *lists_[id];
}

}  // namespace pylon::upstream
