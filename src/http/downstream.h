// Downstream: the client's side of one exchange, whatever the version of HTTP.
//
// The proxy loop and plugins use only this; h1::ServerConnection and (later) h2::ServerStream
// implement it. Calls never block: `again` means to wait for the next event on `waker()`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "async/task.h"
#include "http/body.h"
#include "http/exchange.h"

namespace pylon::net {
class Waker;
}

namespace pylon::http {

enum class BodyRead : uint8_t { complete, too_large, failed };

class Downstream : public BodySink {
 public:
  // ---- request body
  virtual Body& request_body() = 0;
  // After Pull::error: the status that tells the client why (400, 408, 413), 0 when it has left.
  virtual int body_failure() const = 0;
  // The whole request has been received.
  virtual bool body_complete() const = 0;
  // The trailer section after a chunked body, ready to send; empty when there is none.
  virtual std::string_view request_trailers() const = 0;
  // Reads the whole body into the exchange's arena; afterwards request_body() yields it again, so a
  // plugin may look at it and the upstream still gets it. `limit` in bytes.
  virtual async::Task<BodyRead> buffer_body(size_t limit, std::string_view& out) = 0;
  // From now on request_body() yields these octets, which the caller keeps alive. What the client
  // sends must have been read to its end. Who changes the length says so in the request.
  virtual void replace_body(std::string_view octets) = 0;
  // From now on request_body() fails, with this status to tell the client.
  virtual Chunk fail_body(int status) = 0;

  // ---- response
  // Interim responses (1xx but 101) as they come; final ones exactly once, from exchange.response.
  // The head leaves with the first push, which must come before any suspension. `length` -1: not
  // known. Status 101 turns both directions into a tunnel of plain octets.
  virtual Push send_interim(const Response& response) = 0;
  virtual void start_response(int64_t length) = 0;
  // Octets that would leave at once: pulling more of an answer would only fill memory. Without
  // windows it is all or nothing.
  static constexpr size_t kAnyRoom = SIZE_MAX;
  virtual size_t room() const = 0;
  // How much of an answer may come along with its head, before others had theirs.
  virtual size_t first_room() const { return room(); }
  bool blocked() const { return room() == 0; }
  // Whether the peer has taken octets since this was asked last: a slow reader is no dead one, and
  // the kernel tells of room only when there is much of it. For when a time-out is about to fire.
  virtual bool delivering() = 0;
  // Ends the connection (or stream) so that the client sees the answer as cut short.
  virtual void abort() = 0;
  // Before start_response: nothing more from this client is trusted, or wanted.
  virtual void close_after_answer() = 0;

  // Woken by anything that happens on this side.
  virtual net::Waker& waker() = 0;
  // The client cannot receive an answer any more.
  virtual bool gone() const = 0;
};

}  // namespace pylon::http
