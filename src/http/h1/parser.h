// The HTTP/1 head parser: request and response heads, strictly, without I/O.
//
// Source: RFC 9112. What it refuses, because peers disagree about its meaning: bare CR or LF as
// line end, obs-fold, white space before a request's colon, NUL and other controls, 8-bit octets in
// a target, versions other than HTTP/1.x. Results are views into `input`; relocate() moves them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "http/exchange.h"

namespace pylon::http::h1 {

struct HeadLimits {
  uint32_t line_bytes = 8 << 10;    // request line or status line
  uint32_t head_bytes = 32 << 10;   // the whole head
  uint32_t field_bytes = 16 << 10;  // one field's line
  uint32_t fields = 100;
  bool underscores = true;  // false: request fields with '_' in their name are dropped
};

enum class Parse : uint8_t { complete, incomplete, error };

struct ParseResult {
  Parse state;
  uint32_t head_bytes = 0;  // complete: octets of the head, leading empty lines included
  uint16_t status = 0;      // error in a request: 400, 414, 431 or 505
  const char* reason = "";  // error: for the error log
};

// Fills method, method_text, target, version and fields. The rest of Request is left alone.
ParseResult parse_request_head(std::string_view input, const HeadLimits& limits, Request& request);

// Fills status, reason and fields; `minor_version` is 0 or 1.
ParseResult parse_response_head(std::string_view input, const HeadLimits& limits,
                                Response& response, int& minor_version);

// Reads trailer fields up to and including the empty line. `input` starts after the last chunk's
// line. Refuses fields that may not stand in a trailer (framing, routing, authentication).
ParseResult parse_trailers(std::string_view input, const HeadLimits& limits, Fields& trailers);

// Fields about framing, routing or authentication: not after a body.
bool forbidden_in_trailer(FieldId id);

// Whether `octets` can't be the start of a head that parse_request_head would accept as it grows,
// or hold a whole head: only then is it worth to parse again. `seen` octets were looked at before.
bool worth_parsing(std::string_view octets, size_t seen);

}  // namespace pylon::http::h1
