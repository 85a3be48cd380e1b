#include "http/server.h"

#include <atomic>

namespace pylon::http {

uint64_t next_connection_id() {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

void ConnectionEnds::describe_to(Exchange& exchange) const {
  exchange.client = {client, client_port, client_name()};
  exchange.socket = announced ? announced->socket : exchange.client;
  exchange.announced = announced.get();
  exchange.server_address = server;
  exchange.server_port = server_port;
  exchange.tls = tls;
}

}  // namespace pylon::http
