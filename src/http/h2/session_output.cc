// The sending half of Session.
#include <algorithm>
#include <cstring>
#include <span>
#include <string>

#include "base/strings.h"
#include "http/h2/lines.h"
#include "http/h2/session.h"

namespace pylon::http::h2 {
namespace {

constexpr size_t kSpareBytes = 256 << 10;  // no larger memory is kept

// Memory that was the output of a session and serves the next one of the thread that has some:
// usually a connection's output is gone at the end of a turn.
Buffer& spare_output() {
  static thread_local Buffer spare;
  return spare;
}

}  // namespace

char* Session::extend_output(size_t bytes) {
  if (output_.capacity() == 0) output_.swap(spare_output());
  return output_.extend(bytes);
}

void Session::output_left() {
  Buffer& spare = spare_output();
  if (output_.capacity() > spare.capacity() && output_.capacity() <= kSpareBytes) {
    output_.swap(spare);
    spare.clear();
  }
  output_.release();
}

// Room for a whole frame in the output; returns where its payload goes.
char* Session::put_frame(uint32_t length, FrameType type, uint8_t flags, uint32_t stream) {
  char* to = extend_output(kFrameHeaderBytes + length);
  return write_frame_header(to, length, type, flags, stream);
}

void Session::begin() {
  struct {
    Setting id;
    uint32_t value;
  } settings[] = {
      {Setting::max_concurrent_streams, grants_.streams},
      {Setting::initial_window_size, grants_.stream_window},
      {Setting::max_header_list_size, grants_.head_bytes},
      {Setting::enable_push, 0},
  };
  if (role_ == Role::server) settings[3] = {Setting::enable_connect_protocol, 1};
  size_t count = std::size(settings);
  if (role_ == Role::client) {
    std::memcpy(extend_output(kPreface.size()), kPreface.data(), kPreface.size());
  }
  char* to = put_frame(static_cast<uint32_t>(count * 6), FrameType::settings, 0, 0);
  for (size_t i = 0; i < count; i++) {
    to = write_u16(to, static_cast<uint16_t>(settings[i].id));
    to = write_u32(to, settings[i].value);
  }
  auto more = static_cast<uint32_t>(grants_.connection_window - kDefaultWindow);
  receive_window_ += more;
  write_window_update(0, more);
}

// ---- heads

void Session::send_head(Stream& stream, std::span<const FieldLine> lines, bool end) {
  if (!stream.open || stream.local_ended) return;
  size_t bound = deflater_.bound(lines);
  char* start = extend_output(kFrameHeaderBytes + bound);
  size_t size = deflater_.encode(lines, start + kFrameHeaderBytes);
  output_.shrink(bound - size);
  auto first = static_cast<uint32_t>(std::min<size_t>(size, kDefaultFrameBytes));
  uint8_t flags = end ? kFlagEndStream : 0;
  if (first == size) flags |= kFlagEndHeaders;
  write_frame_header(start, first, FrameType::headers, flags, stream.id);
  if (first != size) {
    // Rare: what is beyond the first frame goes on in CONTINUATIONs.
    std::string rest(start + kFrameHeaderBytes + first, size - first);
    output_.shrink(rest.size());
    for (std::string_view left = rest; !left.empty();) {
      std::string_view part = left.substr(0, kDefaultFrameBytes);
      left.remove_prefix(part.size());
      char* to = put_frame(static_cast<uint32_t>(part.size()), FrameType::continuation,
                           left.empty() ? kFlagEndHeaders : 0, stream.id);
      std::memcpy(to, part.data(), part.size());
    }
  }
  if (!end) return;
  stream.local_ended = true;
  close_if_ended(stream);
}

void Session::send_trailers(Stream& stream, std::string_view lines) {
  if (!stream.open || stream.local_ended || stream.end_pending) return;
  if (stream.pending.empty()) return write_trailers(stream, lines);
  stream.trailers.append(lines);
  stream.end_pending = true;
}

void Session::write_trailers(Stream& stream, std::string_view lines) {
  std::vector<FieldLine> fields;
  std::string names;
  names.reserve(lines.size());  // views into it must stay
  each_line(lines, [&](std::string_view name, std::string_view value) {
    size_t at = names.size();
    for (char c : name) names += to_lower(c);
    fields.push_back({std::string_view(names).substr(at), value});
  });
  if (fields.empty()) {
    write_data(stream, {}, true);
  } else {
    send_head(stream, fields, true);
  }
}

// ---- DATA

size_t Session::send_room(const Stream& stream) const {
  if (!stream.open || output_full()) return 0;
  int64_t window = std::min(stream.send_window, send_window_);
  return window <= 0 ? 0 : std::min(static_cast<size_t>(window), kOutputHigh);
}

void Session::send_data(Stream& stream, std::string_view octets, bool end) {
  if (!stream.open || stream.local_ended || stream.end_pending) return;
  if (stream.pending.empty()) octets.remove_prefix(write_data(stream, octets, end));
  if (octets.empty() && (stream.local_ended || !end)) return;
  stream.pending.append(octets);
  stream.end_pending = end;
}

bool Session::send_pending(Stream& stream) {
  if (!stream.open) return true;
  bool end_with_data = stream.end_pending && stream.trailers.empty();
  if (!stream.pending.empty() || end_with_data) {
    size_t written = write_data(stream, stream.pending.view(), end_with_data);
    if (!stream.open) return true;  // that was its end
    stream.pending.consume(written);
    if (!stream.pending.empty()) return false;
    stream.pending.release();
  }
  if (!stream.trailers.empty()) {
    Buffer lines;
    lines.swap(stream.trailers);
    write_trailers(stream, lines.view());
  }
  return true;
}

// As many DATA frames as windows and output allow. Returns the octets that went.
size_t Session::write_data(Stream& stream, std::string_view octets, bool end) {
  size_t written = 0;
  uint32_t frames = 0;
  for (; !octets.empty(); frames++) {
    size_t room = std::min<size_t>(send_room(stream), kDefaultFrameBytes);
    if (room == 0) break;
    std::string_view part = octets.substr(0, room);
    octets.remove_prefix(part.size());
    bool last = end && octets.empty();
    char* to = put_frame(static_cast<uint32_t>(part.size()), FrameType::data,
                         last ? kFlagEndStream : 0, stream.id);
    std::memcpy(to, part.data(), part.size());
    stream.send_window -= static_cast<int64_t>(part.size());
    send_window_ -= static_cast<int64_t>(part.size());
    stream.sent_octets += part.size();
    written += part.size();
    stream.local_ended = last;
  }
  patience_.data_left(frames, written);
  if (end && octets.empty() && !stream.local_ended) {
    put_frame(0, FrameType::data, kFlagEndStream, stream.id);
    stream.local_ended = true;
  }
  if (stream.local_ended) close_if_ended(stream);
  return written;
}

void Session::take_body(Stream& stream, Buffer& into) {
  into.clear();
  into.swap(stream.incoming);
  if (into.empty()) return;
  stream.unread_credit += static_cast<uint32_t>(into.size());
  if (!grants_.streams_apart) credit_connection(into.size());
}

void Session::drop_body(Stream& stream) {
  if (!grants_.streams_apart) credit_connection(stream.incoming.size());
  stream.incoming.release();
}

// ---- windows

void Session::credit_connection(size_t octets) {
  unread_credit_ += static_cast<uint32_t>(octets);
  if (unread_credit_ < grants_.connection_window / 2 || failed_) return;
  receive_window_ += unread_credit_;
  write_window_update(0, std::exchange(unread_credit_, 0));
}

bool Session::open_window(Stream& stream, uint32_t more) {
  if (!stream.open || stream.remote_ended) return false;
  stream.window += more;
  stream.unread_credit += more;
  if (stream.unread_credit == 0 || stream.unread_credit < stream.window / 2) return false;
  stream.receive_window += stream.unread_credit;
  write_window_update(stream.id, std::exchange(stream.unread_credit, 0));
  return true;
}

void Session::write_window_update(uint32_t id, uint32_t increment) {
  write_u32(put_frame(4, FrameType::window_update, 0, id), increment);
}

// ---- control

void Session::send_reset(Stream& stream, ErrorCode code) {
  if (!stream.open) return;
  write_reset(stream.id, code);
  close_stream(stream, true);
}

void Session::write_reset(uint32_t id, ErrorCode code) {
  write_u32(put_frame(4, FrameType::rst_stream, 0, id), static_cast<uint32_t>(code));
}

void Session::send_goaway(uint32_t last_stream, ErrorCode code) {
  char* to = put_frame(8, FrameType::goaway, 0, 0);
  write_u32(write_u32(to, last_stream), static_cast<uint32_t>(code));
}

void Session::send_ping(uint64_t opaque, bool ack) {
  char* to = put_frame(8, FrameType::ping, ack ? kFlagAck : 0, 0);
  to = write_u32(to, static_cast<uint32_t>(opaque >> 32));
  write_u32(to, static_cast<uint32_t>(opaque));
}

}  // namespace pylon::http::h2
