#include "plugins/grpc_frames.h"

#include <gtest/gtest.h>

namespace pylon::plugins {
namespace {

using namespace std::string_literals;

TEST(GrpcFrames, AFrameIsThereWhenAllOfItIs) {
  std::string octets = "\0\0\0\0\3abc\1"s;
  EXPECT_FALSE(first_grpc_frame(octets.substr(0, 7)));
  auto frame = first_grpc_frame(octets);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->message, "abc");
  EXPECT_EQ(frame->octets, 8u);
  EXPECT_FALSE(first_grpc_frame("\0\xff\xff\xff\xff...."s));
}

TEST(GrpcFrames, TextMayComeInPaddedPieces) {
  EXPECT_EQ(decode_grpc_web_text("AAAAAAA="), std::string(5, '\0'));
  EXPECT_EQ(decode_grpc_web_text("YQ==YmM=ZGVm"), "abcdef");
  EXPECT_EQ(decode_grpc_web_text(""), "");
  for (const char* wrong : {"YQ", "Y===", "YQ=", "Y*==", "====", "YQ==="}) {
    EXPECT_FALSE(decode_grpc_web_text(wrong)) << wrong;
  }
}

TEST(GrpcFrames, TrailersBecomeTheLastFrame) {
  std::string told = grpc_web_trailers("Grpc-Status: 0\r\n\r\n");
  EXPECT_EQ(told.substr(0, 5), "\x80\0\0\0\x1e"s);
  EXPECT_EQ(told.substr(5), "grpc-status:0\r\ngrpc-message:\r\n");
  std::string more = grpc_web_trailers("x-a: 1\r\ngrpc-status: 5\r\ngrpc-message: no\r\n\r\n");
  EXPECT_EQ(more.substr(5), "grpc-status:5\r\ngrpc-message:no\r\nx-a:1\r\n");
  EXPECT_EQ(grpc_web_trailers("").substr(5),
            "grpc-status:2\r\ngrpc-message:upstream grpc status not received\r\n");
}

TEST(GrpcFrames, ATrailerByName) {
  EXPECT_EQ(trailer_value("a: 1\r\nB:2\r\n", "b"), "2");
  EXPECT_EQ(trailer_value("a: 1\r\n", "b").data(), nullptr);
}

}  // namespace
}  // namespace pylon::plugins
