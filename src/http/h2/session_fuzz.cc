// Octets of any peer into both sides of HTTP/2: nothing may break, and nothing may be left behind.
// The first octet says which side is tried, and in what pieces the octets come.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "http/h2/client_connection.h"
#include "http/h2/server_connection.h"
#include "http/h2/test_peer.h"

using namespace pylon;
using namespace pylon::http;
using namespace pylon::http::h2;

namespace {

net::Loop& the_loop() {
  static net::Loop loop;
  return loop;
}

// Sends `octets` in pieces, and reads what comes back. `alive` tells whether `near` still is.
template <class Alive>
void feed(net::MemoryStream& near, net::MemoryStream& far, std::string_view octets, size_t step,
          Alive alive) {
  while (!octets.empty() && alive()) {
    std::string_view piece = octets.substr(0, step);
    octets.remove_prefix(piece.size());
    far.write(piece.data(), piece.size());
    for (int i = 0; i < 3 && alive(); i++) {
      near.pump();
      if (alive()) the_loop().turn(0);
    }
    (void)read_all(far);
  }
}

void try_server(std::string_view octets, size_t step) {
  EchoService service;
  ServerLimits limits;
  ServerConnections all;
  auto [near, far] = net::MemoryStream::pair();
  net::MemoryStream& end = *near;
  ServerConnection::open(the_loop(), std::move(near), {}, limits, service, all, kPreface);
  feed(end, *far, octets, step, [&] { return service.closed == 0; });
  all.close_all();
  the_loop().turn(0);
  if (all.size() != 0 || all.head_octets != 0) std::abort();
}

// Takes what has come for one exchange.
void use(ClientStream& stream) {
  Arena arena;
  Response response(arena);
  while (stream.read_head({}, Method::get, response) == ReadHead::complete) {
    if (response.status >= 200) break;
  }
  for (int i = 0; i < 100; i++) {
    Chunk chunk = stream.body().pull();
    if (chunk.state != Pull::data) break;
  }
  (void)stream.trailers();
}

void try_client(std::string_view octets, size_t step) {
  static constexpr RequestLine kRequest[] = {
      {":method", "POST"}, {":scheme", "http"}, {":authority", "a.test"}, {":path", "/"}};
  net::Waker waker(the_loop());
  ClientConnection::Shared shared;
  IntrusiveList<ClientConnection> pool;
  auto [near, far] = net::MemoryStream::pair();
  net::MemoryStream& end = *near;
  auto* connection = new ClientConnection(the_loop(), std::move(near), shared, {1, 0, 1000});
  pool.push_back(*connection);
  ClientStream* streams[3];
  for (ClientStream*& stream : streams) {
    stream = &connection->add();
    stream->use(waker);
    OutgoingHead head;
    head.http2 = kRequest;
    (void)stream->send_head(head, h1::Framing::none, "body", true);
  }
  feed(end, *far, octets, step, [&] { return !pool.empty(); });
  for (ClientStream* stream : streams) {
    use(*stream);
    stream->end();
  }
  while (!pool.empty()) pool.front()->close();
  the_loop().turn(0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view octets(reinterpret_cast<const char*>(data) + 1, size - 1);
  size_t step = 1 + (data[0] >> 1) * size_t{8};
  if (data[0] & 1) {
    try_client(octets, step);
  } else {
    try_server(octets, step);
  }
  return 0;
}
