// BodyDecoder: takes the framing off an HTTP/1 message body, in place.
//
// Source: RFC 9112 section 6 and 7. Strict: chunk sizes of at most 64 hex digits and below 2^48,
// CRLF everywhere, chunk extensions of value octets only, with their quotes closed, and of a
// bounded total; they are dropped. Trailers are collected and validated.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/fields.h"
#include "http/h1/parser.h"

namespace pylon::http::h1 {

enum class Framing : uint8_t { none, length, chunked, until_close };

class BodyDecoder {
 public:
  struct Slice {
    size_t consumed = 0;      // octets of the input that are done with
    std::string_view octets;  // decoded, inside the input
  };

  void begin(Framing framing, uint64_t length);

  // Decodes what it can of `input`, which it may rearrange. Stops at the end of the body. For
  // chunked bodies several chunks become one slice.
  Slice decode(char* input, size_t size, const HeadLimits& limits);

  // Octets of a body with a length, taken elsewhere: at most left().
  void skip(uint64_t octets) {
    left_ -= octets;
    done_ = left_ == 0;
  }

  // The peer has ended the stream: only a body that ends so is complete then.
  void end_of_stream() { framing_ == Framing::until_close ? done_ = true : failed_ = true; }

  bool done() const { return done_; }
  bool failed() const { return failed_; }
  const char* reason() const { return reason_; }
  Framing framing() const { return framing_; }
  // Octets still to come of a body with a length.
  uint64_t left() const { return left_; }
  // The trailer section as received, "name: value CRLF ... CRLF"; empty when there was none.
  std::string_view trailer_octets() const { return trailers_; }

 private:
  enum class State : uint8_t {
    size_first,
    size,
    before_extension,
    extension,
    quoted,
    escaped,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailers,
  };

  Slice decode_chunked(char* input, size_t size, const HeadLimits& limits);
  bool step(char octet);
  bool digit(char octet);
  bool extension(char octet);
  size_t take_trailers(const char* input, size_t size, const HeadLimits& limits);
  void end_trailer_line(const HeadLimits& limits);
  bool fail(const char* reason);

  uint64_t left_ = 0;
  std::string trailers_;
  const char* reason_ = "";
  uint32_t extension_bytes_ = 0;
  uint8_t digits_ = 0;
  Framing framing_ = Framing::none;
  State state_ = State::size_first;
  bool done_ = true;
  bool failed_ = false;
};

}  // namespace pylon::http::h1
