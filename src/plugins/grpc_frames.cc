#include "plugins/grpc_frames.h"

#include "base/strings.h"

namespace pylon::plugins {
namespace {

struct TrailerLine {
  std::string_view name;
  std::string_view value;
};

// Takes a line off the front. False: there is none left.
bool next_line(std::string_view& lines, TrailerLine& line) {
  while (!lines.empty()) {
    size_t end = lines.find("\r\n");
    std::string_view text = lines.substr(0, end);
    lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 2);
    size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0) continue;
    line = {text.substr(0, colon), trim(text.substr(colon + 1))};
    return true;
  }
  return false;
}

void add_line(std::string& out, std::string_view name, std::string_view value) {
  out.append(to_lower(name)).append(":").append(value).append("\r\n");
}

}  // namespace

std::optional<GrpcFrame> first_grpc_frame(std::string_view octets) {
  if (octets.size() < kGrpcFrameHead) return std::nullopt;
  uint32_t length = 0;
  for (size_t i = 1; i < kGrpcFrameHead; i++) {
    length = length << 8 | static_cast<uint8_t>(octets[i]);
  }
  if (octets.size() - kGrpcFrameHead < length) return std::nullopt;
  return GrpcFrame{static_cast<uint8_t>(octets[0]), octets.substr(kGrpcFrameHead, length),
                   kGrpcFrameHead + length};
}

void write_grpc_head(char* to, uint8_t flags, size_t length) {
  to[0] = static_cast<char>(flags);
  for (int i = 0; i < 4; i++) to[1 + i] = static_cast<char>(length >> (24 - 8 * i));
}

std::optional<std::string> decode_grpc_web_text(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t padding = text.find('=');
    size_t end = padding == std::string_view::npos ? text.size() : padding + 1;
    if (end < text.size() && text[end] == '=') end++;
    if (end % 4 != 0) return std::nullopt;
    std::optional<std::string> piece = base64_decode(text.substr(0, end));
    if (!piece) return std::nullopt;
    out += *piece;
    text.remove_prefix(end);
  }
  return out;
}

std::string_view trailer_value(std::string_view lines, std::string_view name) {
  for (TrailerLine line; next_line(lines, line);) {
    if (iequals(line.name, name)) return line.value;
  }
  return {};
}

std::string grpc_web_trailers(std::string_view lines) {
  std::string_view status = trailer_value(lines, "grpc-status");
  std::string_view message = trailer_value(lines, "grpc-message");
  std::string text(kGrpcFrameHead, '\0');
  bool told = !status.empty();
  add_line(text, "grpc-status", told ? status : "2");
  add_line(text, "grpc-message", told ? message : "upstream grpc status not received");
  for (TrailerLine line; next_line(lines, line);) {
    if (iequals(line.name, "grpc-status") || iequals(line.name, "grpc-message")) continue;
    add_line(text, line.name, line.value);
  }
  write_grpc_head(text.data(), kGrpcWebTrailers, text.size() - kGrpcFrameHead);
  return text;
}

}  // namespace pylon::plugins
