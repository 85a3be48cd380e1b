#include "http/h1/body_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace pylon::http::h1 {
namespace {

struct Decoded {
  std::string octets;
  size_t consumed = 0;
  bool done = false;
  bool failed = false;
  std::string trailers;
};

// Feeds `input` in pieces of `step` octets.
Decoded decode(std::string input, size_t step, Framing framing = Framing::chunked,
               uint64_t length = 0) {
  BodyDecoder decoder;
  decoder.begin(framing, length);
  Decoded result;
  while (result.consumed < input.size() && !decoder.done() && !decoder.failed()) {
    size_t size = std::min(step, input.size() - result.consumed);
    std::string piece = input.substr(result.consumed, size);
    BodyDecoder::Slice slice = decoder.decode(piece.data(), piece.size(), {});
    result.octets += slice.octets;
    result.consumed += slice.consumed;
  }
  result.done = decoder.done();
  result.failed = decoder.failed();
  result.trailers = decoder.trailer_octets();
  return result;
}

TEST(Chunked, IsTheSameHoweverItIsCut) {
  std::string body =
      "5\r\nhello\r\n6;name=value;x\r\n world\r\n0a\r\n0123456789\r\n0\r\nX-Sum: 7\r\n\r\nNEXT";
  for (size_t step = 1; step <= body.size(); step++) {
    Decoded decoded = decode(body, step);
    EXPECT_TRUE(decoded.done) << step;
    EXPECT_EQ(decoded.octets, "hello world0123456789") << step;
    EXPECT_EQ(decoded.consumed, body.size() - 4) << step;
    EXPECT_EQ(decoded.trailers, "X-Sum: 7\r\n\r\n") << step;
  }
}

TEST(Chunked, RefusesWhatPeersReadDifferently) {
  for (const char* body : {"g\r\n",
                           "\r\n",
                           "-1\r\n",
                           "+1\r\na\r\n",
                           "0x1\r\na\r\n",
                           " 1\r\na\r\n",
                           "1 \r\na\r\n",
                           "1\na\r\n",
                           "1\r\nab\r\n",
                           "1\r\na\n",
                           "1\r\na\rb",
                           "1;a\x01\r\na\r\n",
                           "1;a\nb\r\n",
                           "ffffffffffffffff\r\n",
                           "000000000fffffffffffffff\r\n",
                           "1;a=\"b\r\nx\r\n",
                           "1;a=\"b\\\"\r\nx\r\n",
                           "1;a=\"\r\nx\r\n0\r\n\r\n\"\r\n",
                           "fffffffffffffff\r\n",
                           "1 a\r\nx\r\n",
                           "0\r\nBad Name: x\r\n\r\n",
                           "0\r\nContent-Length: 5\r\n\r\n",
                           "0\r\nA: b\n\n",
                           "0\r\n\n"}) {
    for (size_t step : {size_t{1}, size_t{100}}) {
      Decoded decoded = decode(body, step);
      EXPECT_TRUE(decoded.failed) << body << " step " << step;
      EXPECT_FALSE(decoded.done) << body;
    }
  }
}

TEST(Chunked, MalformedTrailersAreRefusedBeforeTheyEnd) {
  for (const char* lines : {"Bad Name: x\r\n", "X\r\n", "A: b\nB", "A: b\r\nC: \x01\r\n", "A: b\rB",
                            "\rA", "\n", " A: b\r\n", "A: b\r\n c\r\n"}) {
    for (size_t step : {size_t{1}, size_t{100}}) {
      EXPECT_TRUE(decode(std::string("0\r\n") + lines, step).failed) << lines << " step " << step;
    }
  }
}

TEST(Chunked, ExtensionsAreBounded) {
  std::string body;
  for (int i = 0; i < 2000; i++) body += "1;aaaaaaaaaaaaaaaa\r\nx\r\n";
  EXPECT_TRUE(decode(body, 1000).failed);
}

TEST(Chunked, QuotesInExtensionsHideNothing) {
  Decoded decoded = decode("5;a=\"b;c\\\"\\\\\";d\r\nhello\r\n0;x=\"\"\r\n\r\n", 1);
  EXPECT_TRUE(decoded.done);
  EXPECT_EQ(decoded.octets, "hello");
}

TEST(Chunked, LeadingZerosAreNoDigitsOfTheSizeButBounded) {
  std::string zeros(40, '0');
  Decoded decoded = decode(zeros + "5\r\nhello\r\n" + zeros + "\r\n\r\n", 7);
  EXPECT_TRUE(decoded.done);
  EXPECT_EQ(decoded.octets, "hello");
  EXPECT_TRUE(decode(std::string(64, '0') + "5\r\nhello\r\n0\r\n\r\n", 1000).failed);
}

TEST(Length, StopsWhereItEnds) {
  Decoded decoded = decode("helloNEXT", 3, Framing::length, 5);
  EXPECT_TRUE(decoded.done);
  EXPECT_EQ(decoded.octets, "hello");
  EXPECT_EQ(decoded.consumed, 5u);
}

TEST(EndOfStream, CompletesOnlyABodyThatEndsSo) {
  BodyDecoder decoder;
  decoder.begin(Framing::until_close, 0);
  decoder.end_of_stream();
  EXPECT_TRUE(decoder.done());
  decoder.begin(Framing::length, 5);
  decoder.end_of_stream();
  EXPECT_TRUE(decoder.failed());
  decoder.begin(Framing::chunked, 0);
  decoder.end_of_stream();
  EXPECT_TRUE(decoder.failed());
}

}  // namespace
}  // namespace pylon::http::h1
