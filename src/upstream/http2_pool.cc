#include "upstream/http2_pool.h"

namespace pylon::upstream {

using http::h2::ClientConnection;
using http::h2::ClientStream;

Http2Pool::~Http2Pool() {
  for (auto& list : lists_) {
    while (list != nullptr && !list->empty()) list->front()->close();
  }
}

ClientStream* Http2Pool::open(const Endpoint& endpoint, const Session& session,
                              const Keepalive& keepalive, bool fresh, bool& reused) {
  List& list = list_of(endpoint.id());
  ClientConnection::Terms terms{endpoint.serial(), session.variant,
                                keepalive.idle_timeout_ms * 1000};
  for (ClientConnection* each = list.front(); each != nullptr; each = list.next(*each)) {
    // An id is used again for another peer: the serial tells for whom the connection was made.
    if (each->serial() != endpoint.serial()) continue;
    terms.streams = each->allowed_streams();  // as the node will say again
    if (fresh || !each->has_room() || each->variant() != session.variant) continue;
    reused = each->used();
    return &each->add();
  }
  std::unique_ptr<net::Stream> stream = dial(loop_, tls_, endpoint, session, "h2");
  if (stream == nullptr) return nullptr;
  auto* connection = new ClientConnection(loop_, std::move(stream), shared_, terms);
  list.push_back(*connection);
  reused = false;
  return &connection->add();
}

Http2Pool::List& Http2Pool::list_of(EndpointId id) {
  if (id >= lists_.size()) lists_.resize(id + 1);
  if (lists_[id] == nullptr) lists_[id] = std::make_unique<List>();
  return *lists_[id];
}

}  // namespace pylon::upstream
