// Body: the octets of a message body, pulled by whoever needs them.
//
// Not pulling is backpressure: nobody reads from the peer then. A filter is a Body that pulls from
// another Body. All of it is synchronous; `again` means that the peer has sent no more yet, and the
// driver of the exchange waits for its next event and pulls anew.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/pipe.h"

namespace pylon::http {

enum class Pull : uint8_t {
  data,   // some octets, more will follow
  end,    // the last octets (perhaps none): the body is complete
  again,  // nothing now
  error,  // the body will never be complete: peer gone, bad framing, limit, timeout
};

struct Chunk {
  Pull state = Pull::again;
  std::string_view octets;  // valid until the next pull() or the next suspension
};

class Body {
 public:
  virtual ~Body() = default;
  // After `end` or `error` it answers the same again.
  virtual Chunk pull() = 0;

  // How many of the octets still to come nobody has to look at: instead of being pulled they may be
  // moved into an empty pipe, at most `at_most` of them. The answer is pull()'s.
  virtual uint64_t passable() const { return 0; }
  virtual Pull pass(net::Pipe& /*into*/, uint64_t /*at_most*/) { return Pull::error; }
};

enum class Push : uint8_t {
  done,     // taken, and nothing waits to be sent
  blocked,  // taken, but the peer must read before more may be pushed
  error,    // the peer is gone
};

// Where the octets of a body go: to a client, or to an upstream.
class BodySink {
 public:
  virtual ~BodySink() = default;
  virtual Push push(std::string_view octets, bool end) = 0;
  // Ends a chunked body with these trailer lines: "name: value CRLF" each. Instead of push(end).
  virtual Push push_trailers(std::string_view lines) = 0;
  // Whether what was pushed has left; called again after a wake-up.
  virtual Push flush() = 0;
  virtual size_t unsent() const = 0;  // octets that wait for the peer to read

  // How many octets may be pushed in a pipe now.
  virtual uint64_t pipe_room() const { return 0; }
  virtual Push push_pipe(net::PipeLease /*octets*/, bool /*end*/) { return Push::error; }
};

// Octets that the caller keeps alive.
class TextBody final : public Body {
 public:
  explicit TextBody(std::string_view octets) : octets_(octets) {}
  Chunk pull() override {
    Chunk chunk{Pull::end, octets_};
    octets_ = {};
    return chunk;
  }

 private:
  std::string_view octets_;
};

}  // namespace pylon::http
