// Frames of HTTP/2: their header, types, flags and codes. Source: RFC 9113 sections 4, 6 and 7.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pylon::http::h2 {

enum class FrameType : uint8_t {
  data = 0,
  headers = 1,
  priority = 2,
  rst_stream = 3,
  settings = 4,
  push_promise = 5,
  ping = 6,
  goaway = 7,
  window_update = 8,
  continuation = 9,
};

constexpr uint8_t kFlagEndStream = 0x01;
constexpr uint8_t kFlagAck = 0x01;
constexpr uint8_t kFlagEndHeaders = 0x04;
constexpr uint8_t kFlagPadded = 0x08;
constexpr uint8_t kFlagPriority = 0x20;

enum class ErrorCode : uint32_t {
  no_error = 0,
  protocol_error = 1,
  internal_error = 2,
  flow_control_error = 3,
  settings_timeout = 4,
  stream_closed = 5,
  frame_size_error = 6,
  refused_stream = 7,
  cancel = 8,
  compression_error = 9,
  connect_error = 10,
  enhance_your_calm = 11,
  inadequate_security = 12,
  http_1_1_required = 13,
};

enum class Setting : uint16_t {
  header_table_size = 1,
  enable_push = 2,
  max_concurrent_streams = 3,
  initial_window_size = 4,
  max_frame_size = 5,
  max_header_list_size = 6,
  enable_connect_protocol = 8,  // RFC 8441
};

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr size_t kFrameHeaderBytes = 9;
constexpr uint32_t kDefaultFrameBytes = 16384;  // SETTINGS_MAX_FRAME_SIZE unless told otherwise
constexpr uint32_t kMaxFrameBytes = (1 << 24) - 1;
constexpr int64_t kDefaultWindow = 65535;
constexpr int64_t kMaxWindow = 0x7fffffff;
constexpr uint32_t kMaxStreamId = 0x7fffffff;

inline uint16_t read_u16(const char* at) {
  auto octets = reinterpret_cast<const uint8_t*>(at);
  return static_cast<uint16_t>(octets[0] << 8 | octets[1]);
}

inline uint32_t read_u32(const char* at) {
  auto octets = reinterpret_cast<const uint8_t*>(at);
  return uint32_t{octets[0]} << 24 | uint32_t{octets[1]} << 16 | uint32_t{octets[2]} << 8 |
         octets[3];
}

inline char* write_u16(char* to, uint16_t value) {
  *to++ = static_cast<char>(value >> 8);
  *to++ = static_cast<char>(value);
  return to;
}

inline char* write_u32(char* to, uint32_t value) {
  to = write_u16(to, static_cast<uint16_t>(value >> 16));
  return write_u16(to, static_cast<uint16_t>(value));
}

struct FrameHeader {
  uint32_t length = 0;  // of the payload
  uint8_t type = 0;     // perhaps one that FrameType does not know
  uint8_t flags = 0;
  uint32_t stream = 0;

  bool is(FrameType wanted) const { return type == static_cast<uint8_t>(wanted); }
  bool has(uint8_t flag) const { return (flags & flag) != 0; }
};

// `at` holds kFrameHeaderBytes octets. The reserved bit is dropped.
inline FrameHeader read_frame_header(const char* at) {
  uint32_t word = read_u32(at);
  return {word >> 8, static_cast<uint8_t>(word), static_cast<uint8_t>(at[4]),
          read_u32(at + 5) & kMaxStreamId};
}

inline char* write_frame_header(char* to, uint32_t length, FrameType type, uint8_t flags,
                                uint32_t stream) {
  to = write_u32(to, length << 8 | static_cast<uint8_t>(type));
  *to++ = static_cast<char>(flags);
  return write_u32(to, stream);
}

}  // namespace pylon::http::h2
