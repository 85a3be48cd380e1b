// UpstreamSide: the upstream's side of one exchange, whatever the version of HTTP.
//
// Nothing blocks: `again` means to wait on the waker that was given to use(). Whoever uses it keeps
// the order send_head, push..., read_head (until the final one), body().pull()... ; requests and
// answers may overlap. h1::ClientConnection and h2::ClientStream are such sides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "http/body.h"
#include "http/downstream.h"
#include "http/h1/body_decoder.h"

namespace pylon::net {
class Waker;
}

namespace pylon::http {

enum class ReadHead : uint8_t {
  again,
  complete,   // response and rules are filled
  closed,     // the peer closed or reset before a whole head came
  malformed,  // what came is no answer that can be trusted
};

// A request's head, in the form of the version that the side speaks.
struct RequestLine {
  std::string_view name;
  std::string_view value;
};
struct OutgoingHead {
  std::string_view http1;                // ready to send
  std::span<const RequestLine> http2{};  // names in lower case
};

class UpstreamSide : public BodySink {
 public:
  // ---- life
  virtual void use(net::Waker& waker) = 0;
  virtual void end() = 0;  // the exchange is over, or given up; the side is not touched any more
  virtual bool is_http2() const { return false; }
  virtual bool connecting() const = 0;
  virtual bool broken() const = 0;
  virtual int error() const = 0;

  // ---- request
  // The head with the first octets of the body. `framing` says how the body is sent on.
  virtual Push send_head(const OutgoingHead& head, h1::Framing framing, std::string_view octets,
                         bool end) = 0;
  // The next reads take at most about so many octets: whom they are for has no room for more.
  virtual void limit_reads(size_t octets) = 0;
  virtual bool blocked() const = 0;
  virtual uint64_t sent_bytes() const = 0;  // 0 also when the peer says it has done nothing

  // ---- answer
  // The octets of the head are in the arena of response.fields.
  virtual ReadHead read_head(const h1::HeadLimits& limits, Method asked, Response& response) = 0;
  virtual Body& body() = 0;
  virtual bool began() const = 0;  // an octet of the answer came
  virtual uint64_t received_bytes() const = 0;
  virtual const char* reason() const = 0;  // of `malformed` or a failed body
  virtual std::string_view trailers() const = 0;

  // ---- tunnels, of HTTP/1 only
  // The end mark behind what was pushed. True when all has left: end() loses nothing of it.
  virtual bool finish_writing() { return true; }
  virtual void become_tunnel() {}
  virtual void cut() {}  // the tunnel breaks off: the peer shall not take that for its end
};

}  // namespace pylon::http
