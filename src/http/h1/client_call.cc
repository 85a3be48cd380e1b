#include "http/h1/client_call.h"

#include <cstring>
#include <utility>

namespace pylon::http::h1 {

namespace {

constexpr const char* kClosed = "the connection was closed";

}  // namespace

ClientCall::~ClientCall() {
  if (connection_ != nullptr) connection_->end();
}

void ClientCall::take(ClientConnection& kept) {
  if (connection_ != nullptr) connection_->end();
  connection_ = &kept;
  kept.use(waker_);
}

ClientConnection& ClientCall::release() { return *std::exchange(connection_, nullptr); }

async::Task<bool> ClientCall::connect(std::unique_ptr<net::Stream> stream, int64_t deadline_us) {
  take(*new ClientConnection(loop_, std::move(stream), 0));
  while (connection_->connecting()) {
    net::Wake wake = co_await waker_.wait(deadline_us);
    if (wake == net::Wake::timeout) co_return fail(Trouble::timeout, "no connection in time");
  }
  if (!connection_->broken()) co_return true;
  int error = connection_->error();
  co_return fail(Trouble::unreachable, error != 0 ? std::strerror(error) : kClosed);
}

bool ClientCall::send(std::string_view head, Framing framing, std::string_view body) {
  Push pushed = connection_->send_head(head, framing, body, true);
  return pushed != Push::error || fail(Trouble::closed, kClosed);
}

async::Task<bool> ClientCall::read_head(Method asked, Response& response, int64_t deadline_us) {
  for (;;) {
    if (connection_->blocked() && connection_->flush() == Push::error) {
      co_return fail(Trouble::closed, kClosed);
    }
    ReadHead read = connection_->read_head({}, asked, response);
    if (read == ReadHead::closed) co_return fail(Trouble::closed, kClosed);
    if (read == ReadHead::malformed) co_return fail(Trouble::malformed, connection_->reason());
    if (read == ReadHead::complete && response.status >= 200) co_return true;
    if (read == ReadHead::complete) continue;
    net::Wake wake = co_await waker_.wait(deadline_us);
    if (wake == net::Wake::timeout) co_return fail(Trouble::timeout, "no answer in time");
  }
}

async::Task<Chunk> ClientCall::read_body(int64_t deadline_us) {
  for (;;) {
    Chunk chunk = connection_->body().pull();
    if (chunk.state == Pull::error) fail(Trouble::malformed, "the answer broke off");
    bool empty = chunk.state == Pull::data && chunk.octets.empty();
    if (chunk.state != Pull::again && !empty) co_return chunk;
    if (empty) continue;
    net::Wake wake = co_await waker_.wait(deadline_us);
    if (wake == net::Wake::event) continue;
    fail(Trouble::timeout, "no answer in time");
    co_return Chunk{Pull::again, {}};
  }
}

bool ClientCall::fail(Trouble trouble, const char* reason) {
  trouble_ = trouble;
  reason_ = reason;
  return false;
}

}  // namespace pylon::http::h1
