#include "http/h1/body_decoder.h"

#include <algorithm>
#include <cstring>

#include "http/scan.h"

namespace pylon::http::h1 {
namespace {

constexpr uint8_t kMaxSizeDigits = 64;                  // most of them leading zeros
constexpr uint64_t kMaxChunkBytes = uint64_t{1} << 48;  // more is no honest chunk
constexpr uint32_t kMaxExtensionBytes = 16 << 10;       // of one body, all chunks together

int hex_value(char octet) {
  if (octet >= '0' && octet <= '9') return octet - '0';
  char lower = static_cast<char>(octet | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

void BodyDecoder::begin(Framing framing, uint64_t length) {
  framing_ = framing;
  left_ = framing == Framing::length ? length : 0;
  state_ = State::size_first;
  digits_ = 0;
  extension_bytes_ = 0;
  failed_ = false;
  reason_ = "";
  trailers_.clear();
  done_ = framing == Framing::none || (framing == Framing::length && length == 0);
}

BodyDecoder::Slice BodyDecoder::decode(char* input, size_t size, const HeadLimits& limits) {
  if (done_ || failed_) return {};
  switch (framing_) {
    case Framing::none:
      return {};
    case Framing::until_close:
      return {size, {input, size}};
    case Framing::length: {
      size_t take = static_cast<size_t>(std::min<uint64_t>(size, left_));
      left_ -= take;
      done_ = left_ == 0;
      return {take, {input, take}};
    }
    case Framing::chunked:
      return decode_chunked(input, size, limits);
  }
  return {};
}

BodyDecoder::Slice BodyDecoder::decode_chunked(char* input, size_t size, const HeadLimits& limits) {
  char* out = nullptr;  // decoded octets are moved together, behind the first chunk's
  size_t out_size = 0;
  size_t at = 0;
  while (at < size && !done_ && !failed_) {
    if (state_ == State::data) {
      size_t take = static_cast<size_t>(std::min<uint64_t>(size - at, left_));
      if (out == nullptr) {
        out = input + at;
      } else {
        std::memmove(out + out_size, input + at, take);
      }
      out_size += take;
      at += take;
      left_ -= take;
      if (left_ == 0) state_ = State::data_cr;
    } else if (state_ == State::trailers) {
      at += take_trailers(input + at, size - at, limits);
    } else {
      if (step(input[at])) at++;
    }
  }
  return {at, {out, out_size}};
}

// One octet of framing; false when the body is malformed.
bool BodyDecoder::step(char octet) {
  switch (state_) {
    case State::size_first:
      left_ = 0;
      digits_ = 0;
      state_ = State::size;
      return digit(octet) || fail("a chunk's size is missing");
    case State::size:
      if (hex_value(octet) >= 0) return digit(octet) || fail("a chunk's size is too long");
      if (octet == '\r') {
        state_ = State::size_lf;
      } else if (octet == ';' || octet == ' ' || octet == '\t') {
        state_ = octet == ';' ? State::extension : State::before_extension;
      } else {
        return fail("invalid octet in a chunk's size");
      }
      return true;
    case State::before_extension:
    case State::extension:
    case State::quoted:
    case State::escaped:
      return extension(octet);
    case State::size_lf:
      state_ = left_ == 0 ? State::trailers : State::data;
      return octet == '\n' || fail("a chunk's size does not end with CRLF");
    case State::data_cr:
      state_ = State::data_lf;
      return octet == '\r' || fail("a chunk is longer than its size");
    case State::data_lf:
      state_ = State::size_first;
      return octet == '\n' || fail("a chunk does not end with CRLF");
    default:
      return fail("chunk decoder out of step");
  }
}

bool BodyDecoder::digit(char octet) {
  int value = hex_value(octet);
  if (value < 0 || ++digits_ > kMaxSizeDigits) return false;
  left_ = left_ * 16 + static_cast<uint64_t>(value);
  return left_ < kMaxChunkBytes;
}

// RFC 9112 7.1.1. Who reads past the end of a line because of an open quote finds other chunks.
bool BodyDecoder::extension(char octet) {
  if (++extension_bytes_ > kMaxExtensionBytes) return fail("chunk extensions too long");
  if (octet == '\r' && state_ == State::extension) {
    state_ = State::size_lf;
    return true;
  }
  if (!is_value_octet(octet)) return fail("invalid octet in a chunk extension");
  switch (state_) {
    case State::before_extension:
      if (octet == ';') state_ = State::extension;
      return octet == ';' || octet == ' ' || octet == '\t' ||
             fail("white space after a chunk's size");
    case State::quoted:
      if (octet == '"') state_ = State::extension;
      if (octet == '\\') state_ = State::escaped;
      return true;
    case State::escaped:
      state_ = State::quoted;
      return true;
    default:
      if (octet == '"') state_ = State::quoted;
      return true;
  }
}

// The trailer section up to the empty line; usually just that. Whoever sends one that is malformed
// may never end it: it is refused as soon as that can be seen.
size_t BodyDecoder::take_trailers(const char* input, size_t size, const HeadLimits& limits) {
  if (trailers_.empty() && size >= 2 && input[0] == '\r' && input[1] == '\n') {
    done_ = true;
    return 2;
  }
  for (size_t at = 0; at < size; at++) {
    if (trailers_.size() >= limits.head_bytes) {
      fail("trailers too long");
      return at;
    }
    if (trailers_.ends_with('\r') && input[at] != '\n') {
      fail("bare CR in trailers");
      return at;
    }
    trailers_.push_back(input[at]);
    if (input[at] == '\n') end_trailer_line(limits);
    if (done_ || failed_) return at + 1;
  }
  return size;
}

void BodyDecoder::end_trailer_line(const HeadLimits& limits) {
  std::string_view section = trailers_;
  std::string_view line = section.substr(section.substr(0, section.size() - 1).rfind('\n') + 1);
  bool last = line == "\r\n";
  Arena arena;
  Fields fields(arena);
  ParseResult parsed = parse_trailers(last ? section : line, limits, fields);
  if (parsed.state == Parse::error) {
    fail(parsed.reason);
  } else {
    done_ = last;
  }
  if (line.size() == section.size() && last) trailers_.clear();
}

bool BodyDecoder::fail(const char* reason) {
  failed_ = true;
  reason_ = reason;
  return false;
}

}  // namespace pylon::http::h1
