// Body: the octets of a message body, pulled by whoever needs them.
//
// Not pulling is backpressure: nobody reads from the peer then. A filter is a Body that pulls from
// another Body. All of it is synchronous; `again` means that the peer has sent no more yet, and the
// driver of the exchange waits for its next event and pulls anew.
#pragma once

#include <cstdint>
#include <string_view>

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
};

// The body of no octets.
class EmptyBody final : public Body {
 public:
  Chunk pull() override { return {Pull::end, {}}; }
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
