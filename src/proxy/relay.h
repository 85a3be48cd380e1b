// Relay: moves one exchange between client and upstream, both ways at once.
//
// Plain functions that do what can be done now; the coroutine that drives the exchange calls them
// in turn and waits when none made progress. Not pulling from one side is backpressure for it.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/body.h"
#include "http/downstream.h"
#include "http/upstream_side.h"

namespace pylon::proxy {

// Moves of octets by one exchange, before others have their turn.
constexpr int kMoves = 64;

enum class Pumped : uint8_t {
  nothing,   // nothing could be moved now
  some,      // octets were moved
  finished,  // this direction is complete
  source,    // where the octets come from has failed
  sink,      // where they go to has failed
};

// What came of moving octets through a pipe.
struct Passed {
  http::Pull state = http::Pull::again;
  http::Push pushed = http::Push::done;
};

// The request's body, from the client to the upstream.
class RequestPump {
 public:
  RequestPump(http::Downstream& client, http::UpstreamSide& upstream)
      : client_(client), upstream_(upstream) {}

  // Sends the head with whatever of the body is here already.
  Pumped start(const http::OutgoingHead& head, http::h1::Framing framing, bool has_body);
  Pumped pump();

  bool finished() const { return finished_; }
  // The upstream takes no more; its answer may still come.
  void give_up() { finished_ = true; }
  bool waits_for_client() const { return !finished_ && !upstream_.blocked(); }
  bool body_touched() const { return body_touched_; }

 private:
  Pumped send(const http::Chunk& chunk);
  Pumped after(http::Push push);

  http::Downstream& client_;
  http::UpstreamSide& upstream_;
  bool ended_ = false;  // the last octet was pushed
  bool finished_ = false;
  bool body_touched_ = false;  // some of the body left: the request cannot be sent again
};

// The answer's body, from `source` (the upstream's, through the body filters) to the client.
class AnswerPump {
 public:
  AnswerPump(http::Downstream& client, http::Body& source) : client_(client), source_(source) {}

  // `upstream`: asked for its trailers at the end; null: there are none.
  Pumped pump(http::UpstreamSide* upstream);
  void leave_trailers_out() { without_trailers_ = true; }
  bool waits_for_client() const { return client_.blocked(); }
  bool finished() const { return finished_; }

 private:
  Pumped finish(std::string_view octets, const http::UpstreamSide* upstream);
  Pumped after(const Passed& passed);

  http::Downstream& client_;
  http::Body& source_;
  bool finished_ = false;
  bool without_trailers_ = false;
  bool passes_ = false;  // so large that its octets may go through a pipe
};

}  // namespace pylon::proxy
