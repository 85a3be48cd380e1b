// ClientCall: one request of the gateway's own, of a plugin or a store, and its answer, on one
// connection. It waits where ClientConnection only says `again`. Who calls brings the stream, the
// request's octets and the deadlines (of the loop's clock), and keeps the pool.
//
// After false, trouble() and reason() tell why. Belongs to one loop; ends its connection when it
// dies, unless that was released.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "async/task.h"
#include "http/h1/client_connection.h"
#include "net/loop.h"
#include "net/waker.h"

namespace pylon::http::h1 {

class ClientCall {
 public:
  enum class Trouble : uint8_t {
    none,
    unreachable,  // no connection came about
    timeout,
    closed,    // by the peer, before the head of an answer was whole
    malformed  // what came is no answer
  };

  explicit ClientCall(net::Loop& loop) : loop_(loop), waker_(loop) {}
  ClientCall(const ClientCall&) = delete;
  ClientCall& operator=(const ClientCall&) = delete;
  ~ClientCall();

  // ---- its connection
  void take(ClientConnection& kept);  // from a pool
  async::Task<bool> connect(std::unique_ptr<net::Stream> stream, int64_t deadline_us);
  ClientConnection* connection() const { return connection_; }  // null: none yet
  ClientConnection& release();                                  // to a pool; only if reusable()

  // ---- the exchange
  // The head with its empty line, and the whole body.
  bool send(std::string_view head, Framing framing, std::string_view body);
  // The final answer's head; interim ones are passed over.
  async::Task<bool> read_head(Method asked, Response& response, int64_t deadline_us);
  // What comes next of the answer's body; the octets are valid until the caller waits for anything.
  // `again`: the deadline has passed, and it may be asked again.
  async::Task<Chunk> read_body(int64_t deadline_us);

  Trouble trouble() const { return trouble_; }
  const char* reason() const { return reason_; }

 private:
  bool fail(Trouble trouble, const char* reason);

  net::Loop& loop_;
  net::Waker waker_;
  ClientConnection* connection_ = nullptr;
  Trouble trouble_ = Trouble::none;
  const char* reason_ = "";
};

}  // namespace pylon::http::h1
