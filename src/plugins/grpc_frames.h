// The frames of gRPC messages, and the forms that gRPC-Web gives them.
//
// Sources: gRPC over HTTP/2 (Length-Prefixed-Message), grpc/doc/PROTOCOL-WEB.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pylon::plugins {

constexpr size_t kGrpcFrameHead = 5;  // flags, and the length in four octets
constexpr uint8_t kGrpcCompressed = 1;
constexpr uint8_t kGrpcWebTrailers = 0x80;

struct GrpcFrame {
  uint8_t flags = 0;
  std::string_view message;
  size_t octets = 0;  // of the whole frame
};

// The first frame of `octets`; none while it is incomplete.
std::optional<GrpcFrame> first_grpc_frame(std::string_view octets);

// Writes the five octets before a message.
void write_grpc_head(char* to, uint8_t flags, size_t length);

// The body of application/grpc-web-text: base64, perhaps in several padded pieces. None when it is
// no such text.
std::optional<std::string> decode_grpc_web_text(std::string_view text);

// The last frame of a gRPC-Web answer, out of the upstream's trailers ("name: value CRLF" each):
// status and message first, as APISIX writes them; without a status the call has failed.
std::string grpc_web_trailers(std::string_view lines);

// The value of one trailer; null data() when it is not there. Names are compared without case.
std::string_view trailer_value(std::string_view lines, std::string_view name);

}  // namespace pylon::plugins
