// Frames and texts of gRPC-Web from anybody: what is decoded, encoded again, decodes to the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/strings.h"
#include "plugins/grpc_frames.h"

using namespace pylon;
using namespace pylon::plugins;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view octets(reinterpret_cast<const char*>(data), size);
  if (auto decoded = decode_grpc_web_text(octets)) {
    if (decode_grpc_web_text(base64_encode(*decoded)) != decoded) std::abort();
  }
  for (std::string_view rest = octets; auto frame = first_grpc_frame(rest);) {
    rest.remove_prefix(frame->octets);
  }
  std::string last = grpc_web_trailers(octets);
  auto frame = first_grpc_frame(last);
  if (!frame || frame->octets != last.size() || frame->flags != kGrpcWebTrailers) std::abort();
  return 0;
}
