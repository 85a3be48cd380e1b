#include "upstream/pool.h"

#include <cerrno>

#include "base/hash.h"
#include "net/tcp_stream.h"

namespace pylon::upstream {

using http::h1::ClientConnection;

Pool::~Pool() { shed(idle_); }

Session Session::with(const Endpoint& endpoint, std::string_view name,
                      const tls::ClientIdentity* identity) {
  const uint64_t parts[] = {hash_guarded(name), endpoint.serial(),
                            identity != nullptr ? identity->serial : 0};
  return {name, identity, hash_bytes({reinterpret_cast<const char*>(parts), sizeof parts}) | 1};
}

std::unique_ptr<net::Stream> dial(net::Loop& loop, tls::ClientContext& tls,
                                  const Endpoint& endpoint, const Session& session,
                                  std::string_view alpn) {
  std::unique_ptr<net::Stream> stream =
      net::TcpStream::connect(loop, endpoint.socket_address(), endpoint.socket_address_bytes());
  if (stream == nullptr || !endpoint.identity().tls.enabled) return stream;
  errno = EKEYREJECTED;
  return tls.wrap(loop, std::move(stream),
                  {.name = session.name,
                   .verify = endpoint.identity().tls.verify,
                   .identity = session.identity,
                   .alpn = alpn,
                   .session_key = session.variant + alpn.size()});
}

ClientConnection* Pool::take(const Endpoint& endpoint, const Session& session,
                             const Keepalive& keepalive, bool thorough) {
  if (endpoint.id() >= lists_.size() || lists_[endpoint.id()] == nullptr) return nullptr;
  List& list = *lists_[endpoint.id()];
  ClientConnection* next = list.back();
  while (next != nullptr) {
    ClientConnection& connection = *next;
    next = List::previous(connection);
    // An id is used again for another peer: the serial tells for whom the connection was made.
    bool usable = connection.serial() == endpoint.serial();
    if (usable && connection.variant() != session.variant) continue;
    if (usable && connection.exchanges() < keepalive.requests && !connection.stirred(thorough)) {
      connection.leave();
      idle_--;
      return &connection;
    }
    end(connection);
  }
  return nullptr;
}

ClientConnection* Pool::connect(const Endpoint& endpoint, const Session& session) {
  std::unique_ptr<net::Stream> stream = dial(loop_, tls_, endpoint, session, {});
  if (stream == nullptr) return nullptr;
  connects_++;
  return new ClientConnection(loop_, std::move(stream), endpoint.serial(), session.variant);
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
