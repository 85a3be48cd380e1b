// Chunked bodies: cut anywhere, the decoded octets and the verdict are the same.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "http/h1/body_decoder.h"

using namespace pylon::http::h1;

namespace {

struct Result {
  std::string octets;
  size_t consumed = 0;
  bool done = false;
  bool failed = false;
};

Result decode(const uint8_t* data, size_t size, size_t step) {
  BodyDecoder decoder;
  decoder.begin(Framing::chunked, 0);
  Result result;
  while (result.consumed < size && !decoder.done() && !decoder.failed()) {
    size_t length = std::min(step, size - result.consumed);
    std::string piece(reinterpret_cast<const char*>(data) + result.consumed, length);
    BodyDecoder::Slice slice = decoder.decode(piece.data(), piece.size(), {});
    if (slice.consumed > length) abort();
    result.octets += slice.octets;
    result.consumed += slice.consumed;
  }
  result.done = decoder.done();
  result.failed = decoder.failed();
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return 0;
  Result whole = decode(data, size, size + 1);
  Result pieces = decode(data, size, 1 + size % 7);
  if (whole.done != pieces.done || whole.failed != pieces.failed) abort();
  if (whole.done && (whole.octets != pieces.octets || whole.consumed != pieces.consumed)) abort();
  return 0;
}
