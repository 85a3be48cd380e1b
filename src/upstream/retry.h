// The retry table: what to do when an attempt at a node has failed. One pure function, so that the
// rules can be read, and tested, in one place.
//
// A request that may have been processed is never sent twice unless doing it twice is the same as
// doing it once. Sources: RFC 9110 9.2.2, RFC 9112 9.3.1; nginx `proxy_next_upstream error
// timeout`, which APISIX uses.
#pragma once

#include <cstdint>

namespace pylon::upstream {

// How far the attempt came before it failed.
enum class Progress : uint8_t {
  nothing_sent,  // no octet of the request was given to the kernel: connect failed, or refused
  partly_sent,   // some octets, so the peer may have read a whole head
  fully_sent,    // everything
  answer_began,  // the first octet of an answer came: the client may have seen some of it
};

enum class Failure : uint8_t {
  connect,    // refused, unreachable, TLS handshake failed
  closed,     // closed or reset by the peer
  timeout,    // connecting, sending or waiting took too long
  malformed,  // what came is no HTTP answer
  local,      // this gateway is at fault (descriptors, memory): another node does not help
};

struct FailedAttempt {
  Failure failure = Failure::connect;
  Progress progress = Progress::nothing_sent;
  bool reused_connection = false;  // the connection came from the pool
  bool idempotent = false;         // http::is_idempotent of the request's method
  bool replayable = false;         // all that was sent of the request can be sent again
  bool fresh_tried = false;        // the pooled connection was already replaced once
  bool client_gone = false;
  bool retries_left = false;     // attempts made so far <= Upstream::retries
  bool deadline_passed = false;  // Upstream::retry_timeout_ms since the first attempt
};

enum class Retry : uint8_t {
  give_up,
  same_node,  // once more, on a fresh connection; costs no retry and does not blame the node
  next_node,
};

Retry decide(const FailedAttempt& attempt);

// The status for the client when no further attempt is made: 504 for a time-out, 503 when this
// gateway is at fault, else 502. A retry that only the deadline forbids answers 502, as in APISIX.
int status_of(const FailedAttempt& attempt);

}  // namespace pylon::upstream
