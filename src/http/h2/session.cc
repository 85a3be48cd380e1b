#include "http/h2/session.h"

#include <algorithm>

namespace pylon::http::h2 {
namespace {

constexpr uint32_t kMaxFragments = 64;     // frames of one header block
constexpr uint64_t kMaxExpansion = 16;     // what a block may say, in times of what it may measure
constexpr size_t kRingSize = 256;          // ended streams that are remembered
constexpr size_t kOutputStop = 256 << 10;  // answers to floods that may wait unread
constexpr uint32_t kSettingBytes = 6;

bool is_before(const Stream* stream, uint32_t id) { return stream->id < id; }

}  // namespace

std::string_view nuisance_name(Nuisance nuisance) {
  static constexpr std::string_view kNames[] = {
      "reset",         "refused",  "settings",     "ping",  "empty_data",
      "window_update", "priority", "continuation", "other", "silence",
  };
  return kNames[static_cast<size_t>(nuisance)];
}

Session::Session(Role role, const Grants& grants, NuisanceCounts& counts)
    : grants_(grants), counts_(counts), role_(role) {
  if (role == Role::client) preface_seen_ = static_cast<uint8_t>(kPreface.size());
}

// ---- input

size_t Session::take(std::string_view octets) {
  size_t all = octets.size();
  if (!take_preface(octets)) return all - octets.size();
  while (!failed_ && octets.size() >= kFrameHeaderBytes && output_.size() < kOutputStop) {
    FrameHeader header = read_frame_header(octets.data());
    if (header.length > kDefaultFrameBytes) {
      fail(ErrorCode::frame_size_error, "a frame is larger than allowed");
      break;
    }
    if (octets.size() - kFrameHeaderBytes < header.length) break;
    take_frame(header, octets.substr(kFrameHeaderBytes, header.length));
    octets.remove_prefix(kFrameHeaderBytes + header.length);
  }
  return all - octets.size();
}

// The client's first octets (RFC 9113 3.4). True when all of them have come.
bool Session::take_preface(std::string_view& octets) {
  if (preface_seen_ == kPreface.size()) return true;
  size_t length = std::min(octets.size(), kPreface.size() - preface_seen_);
  if (octets.substr(0, length) != kPreface.substr(preface_seen_, length)) {
    fail(ErrorCode::protocol_error, "no HTTP/2 preface");
    return false;
  }
  octets.remove_prefix(length);
  preface_seen_ = static_cast<uint8_t>(preface_seen_ + length);
  return preface_seen_ == kPreface.size();
}

void Session::take_frame(const FrameHeader& header, std::string_view payload) {
  if (!settings_came_ && (!header.is(FrameType::settings) || header.has(kFlagAck))) {
    return fail(ErrorCode::protocol_error, "the first frame is not SETTINGS");
  }
  if (block_.open && (!header.is(FrameType::continuation) || header.stream != block_.stream)) {
    return fail(ErrorCode::protocol_error, "a frame inside a header block");
  }
  switch (static_cast<FrameType>(header.type)) {
    case FrameType::data:
      return take_data(header, payload);
    case FrameType::headers:
      return take_headers(header, payload);
    case FrameType::priority:
      return take_priority(header, payload);
    case FrameType::rst_stream:
      return take_rst_stream(header, payload);
    case FrameType::settings:
      return take_settings(header, payload);
    case FrameType::push_promise:
      return fail(ErrorCode::protocol_error, "PUSH_PROMISE was not enabled");
    case FrameType::ping:
      return take_ping(header, payload);
    case FrameType::goaway:
      return take_goaway(header, payload);
    case FrameType::window_update:
      return take_window_update(header, payload);
    case FrameType::continuation:
      return take_continuation(header, payload);
  }
  spend(Nuisance::other);  // RFC 9113 4.1: ignored
}

bool Session::strip_padding(const FrameHeader& header, std::string_view& payload) {
  if (!header.has(kFlagPadded)) return true;
  size_t padding = payload.empty() ? 0 : static_cast<uint8_t>(payload[0]);
  if (payload.empty() || padding >= payload.size()) {
    fail(ErrorCode::protocol_error, "more padding than payload");
    return false;
  }
  payload = payload.substr(1, payload.size() - 1 - padding);
  return true;
}

bool Session::is_idle(uint32_t id) const {
  bool own = (id & 1) == (role_ == Role::client ? 1 : 0);
  if (!own) return role_ == Role::client || id > last_peer_stream_;
  return role_ == Role::server || id >= next_own_stream_;
}

// ---- DATA

void Session::take_data(const FrameHeader& header, std::string_view payload) {
  if (header.stream == 0) return fail(ErrorCode::protocol_error, "DATA on stream 0");
  if (is_idle(header.stream)) return fail(ErrorCode::protocol_error, "DATA on an idle stream");
  receive_window_ -= header.length;
  if (receive_window_ < 0) {
    return fail(ErrorCode::flow_control_error, "more DATA than the connection's window");
  }
  if (!strip_padding(header, payload)) return;
  Stream* stream = find(header.stream);
  if (stream == nullptr) return take_late_data(header);
  if (stream->remote_ended) {
    credit_connection(header.length);
    return fault(*stream, ErrorCode::stream_closed, "DATA after END_STREAM");
  }
  if (!stream->head_came) {
    credit_connection(header.length);
    return fault(*stream, ErrorCode::protocol_error, "DATA before the head");
  }
  stream->receive_window -= header.length;
  if (stream->receive_window < 0) {
    credit_connection(header.length);
    return fault(*stream, ErrorCode::flow_control_error, "more DATA than the stream's window");
  }
  size_t padding = header.length - payload.size();
  if (padding != 0) {
    credit_connection(padding);
    stream->unread_credit += static_cast<uint32_t>(padding);
    (void)open_window(*stream);
  }
  take_stream_data(*stream, header, payload);
}

void Session::take_stream_data(Stream& stream, const FrameHeader& header, std::string_view octets) {
  bool end = header.has(kFlagEndStream);
  if (octets.empty() && !end && !spend(Nuisance::empty_data)) return;
  stream.incoming.append(octets);
  if (grants_.streams_apart) credit_connection(octets.size());
  stream.remote_ended = end;
  if (const char* wrong = on_data(stream, octets.size()); wrong != nullptr) {
    return fault(stream, ErrorCode::protocol_error, wrong);
  }
  close_if_ended(stream);
}

// DATA of a stream that is not there any more: on its way when we reset it, or a peer's fault.
void Session::take_late_data(const FrameHeader& header) {
  credit_connection(header.length);
  switch (ending_of(header.stream)) {
    case Ending::both:
      return fail(ErrorCode::stream_closed, "DATA on a closed stream");
    case Ending::by_peer:
      write_reset(header.stream, ErrorCode::stream_closed);
      break;
    case Ending::by_us:
      if (header.length == 0 || header.length > late_window_) break;
      late_window_ -= header.length;
      return;
    case Ending::unknown:
      break;
  }
  spend(Nuisance::other);
}

// ---- header blocks

void Session::take_headers(const FrameHeader& header, std::string_view payload) {
  if (header.stream == 0) return fail(ErrorCode::protocol_error, "HEADERS on stream 0");
  if (!strip_padding(header, payload)) return;
  bool depends_on_itself = false;
  if (header.has(kFlagPriority)) {
    if (payload.size() < 5) return fail(ErrorCode::frame_size_error, "HEADERS too short");
    depends_on_itself = (read_u32(payload.data()) & kMaxStreamId) == header.stream;
    payload.remove_prefix(5);
  }
  block_ = Block{};
  block_.stream = header.stream;
  block_.end_stream = header.has(kFlagEndStream);
  if (!open_block(header)) return;
  block_.open = true;
  if (depends_on_itself) {
    block_.refusal = ErrorCode::protocol_error;
    block_.reason = "a stream that depends on itself";
  }
  take_fragment(payload, header.has(kFlagEndHeaders));
}

// Finds out whom the block is for. False: the connection has failed.
bool Session::open_block(const FrameHeader& header) {
  Stream* stream = find(header.stream);
  if (stream == nullptr) return open_request(header);
  block_.target = stream;
  if (stream->remote_ended) {
    block_.refusal = ErrorCode::stream_closed;
    block_.reason = "HEADERS after END_STREAM";
  } else if (stream->head_came && !block_.end_stream) {
    block_.refusal = ErrorCode::protocol_error;
    block_.reason = "trailers without END_STREAM";
  }
  return true;
}

bool Session::open_request(const FrameHeader& header) {
  uint32_t id = header.stream;
  if (!is_idle(id)) {
    Ending ending = ending_of(id);
    if (ending == Ending::by_us || role_ == Role::client) return spend(Nuisance::other);
    bool closed = ending != Ending::unknown;
    fail(closed ? ErrorCode::stream_closed : ErrorCode::protocol_error,
         closed ? "HEADERS on a closed stream" : "a stream number that went back");
    return false;
  }
  if (role_ == Role::client || (id & 1) == 0) {
    fail(ErrorCode::protocol_error, "a stream of the wrong side");
    return false;
  }
  last_peer_stream_ = id;
  block_.opens = true;
  Stream* stream = begin_stream(id);
  if (stream == nullptr) {
    remember(id, Ending::by_us);
    block_.refusal = ErrorCode::refused_stream;
    block_.reason = "too many streams";
    return spend(Nuisance::refused);
  }
  add_stream(*stream);
  block_.target = stream;
  return true;
}

void Session::take_continuation(const FrameHeader& header, std::string_view payload) {
  if (!block_.open) return fail(ErrorCode::protocol_error, "CONTINUATION of nothing");
  if (!spend(Nuisance::continuation)) return;
  if (++block_.frames > kMaxFragments) {
    return fail(ErrorCode::enhance_your_calm, "a header block in too many frames");
  }
  take_fragment(payload, header.has(kFlagEndHeaders));
}

void Session::take_fragment(std::string_view fragment, bool last) {
  block_.octets += static_cast<uint32_t>(fragment.size());
  if (block_.octets > grants_.block_bytes) {
    return fail(ErrorCode::enhance_your_calm, "a header block is larger than allowed");
  }
  for (;;) {
    FieldLine line;
    switch (inflater_.next(fragment, last, line)) {
      case Inflater::Step::field:
        block_.said += line.name.size() + line.value.size();
        if (block_.said > kMaxExpansion * grants_.block_bytes) {
          return fail(ErrorCode::enhance_your_calm, "a header block that says more than allowed");
        }
        if (block_.target != nullptr && block_.refusal == ErrorCode::no_error) {
          on_field(*block_.target, line);
        }
        continue;
      case Inflater::Step::more:
        return;
      case Inflater::Step::end:
        return end_block();
      case Inflater::Step::error:
        return fail(ErrorCode::compression_error, "a header block that cannot be decoded");
    }
  }
}

void Session::end_block() {
  block_.open = false;
  Stream* stream = std::exchange(block_.target, nullptr);
  if (stream == nullptr) {
    if (block_.refusal != ErrorCode::no_error) write_reset(block_.stream, block_.refusal);
    return;
  }
  if (block_.refusal != ErrorCode::no_error) {
    return fault(*stream, block_.refusal, block_.reason);
  }
  stream->remote_ended = block_.end_stream;
  if (const char* wrong = on_head(*stream); wrong != nullptr) {
    return fault(*stream, ErrorCode::protocol_error, wrong);
  }
  close_if_ended(*stream);
}

// ---- other frames

void Session::take_priority(const FrameHeader& header, std::string_view payload) {
  if (header.stream == 0) return fail(ErrorCode::protocol_error, "PRIORITY on stream 0");
  if (!spend(Nuisance::priority)) return;
  Stream* stream = find(header.stream);
  ErrorCode wrong = ErrorCode::no_error;
  if (payload.size() != 5) {
    wrong = ErrorCode::frame_size_error;
  } else if ((read_u32(payload.data()) & kMaxStreamId) == header.stream) {
    wrong = ErrorCode::protocol_error;
  }
  if (wrong == ErrorCode::no_error) return;
  if (stream == nullptr) return fail(wrong, "a bad PRIORITY");
  fault(*stream, wrong, "a bad PRIORITY");
}

void Session::take_rst_stream(const FrameHeader& header, std::string_view payload) {
  if (header.stream == 0) return fail(ErrorCode::protocol_error, "RST_STREAM on stream 0");
  if (payload.size() != 4) return fail(ErrorCode::frame_size_error, "a bad RST_STREAM");
  if (is_idle(header.stream)) {
    return fail(ErrorCode::protocol_error, "RST_STREAM on an idle stream");
  }
  Stream* stream = find(header.stream);
  if (!spend(stream == nullptr ? Nuisance::other : Nuisance::reset)) return;
  if (stream == nullptr) return;
  stream->reset_code = static_cast<ErrorCode>(read_u32(payload.data()));
  close_stream(*stream, false);
  on_reset(*stream);
}

void Session::take_settings(const FrameHeader& header, std::string_view payload) {
  if (header.stream != 0) return fail(ErrorCode::protocol_error, "SETTINGS on a stream");
  if (header.has(kFlagAck)) {
    if (!payload.empty()) fail(ErrorCode::frame_size_error, "SETTINGS with ACK and payload");
    return;
  }
  if (payload.size() % kSettingBytes != 0) {
    return fail(ErrorCode::frame_size_error, "a bad SETTINGS");
  }
  if (settings_came_ && !spend(Nuisance::settings)) return;
  settings_came_ = true;
  for (; !payload.empty(); payload.remove_prefix(kSettingBytes)) {
    if (!take_setting(read_u16(payload.data()), read_u32(payload.data() + 2))) return;
  }
  put_frame(0, FrameType::settings, kFlagAck, 0);
}

bool Session::take_setting(uint16_t id, uint32_t value) {
  switch (static_cast<Setting>(id)) {
    case Setting::header_table_size:
      deflater_.limit_table(value);
      return true;
    case Setting::enable_push:
      if (value <= (role_ == Role::server ? 1u : 0u)) return true;
      fail(ErrorCode::protocol_error, "a bad SETTINGS_ENABLE_PUSH");
      return false;
    case Setting::max_concurrent_streams:
      peer_streams_ = value;
      return true;
    case Setting::initial_window_size:
      return take_initial_window(value);
    case Setting::max_frame_size:
      if (value >= kDefaultFrameBytes && value <= kMaxFrameBytes) return true;
      fail(ErrorCode::protocol_error, "a bad SETTINGS_MAX_FRAME_SIZE");
      return false;
    default:
      return true;
  }
}

bool Session::take_initial_window(uint32_t value) {
  if (value > kMaxWindow) {
    fail(ErrorCode::flow_control_error, "a bad SETTINGS_INITIAL_WINDOW_SIZE");
    return false;
  }
  int64_t difference = value - peer_initial_window_;
  if (difference == 0) return true;
  peer_initial_window_ = value;
  for (Stream* stream : streams_) {
    stream->send_window += difference;
    if (stream->send_window > kMaxWindow) {
      fail(ErrorCode::flow_control_error, "SETTINGS_INITIAL_WINDOW_SIZE opens a window too wide");
      return false;
    }
    if (difference > 0 && stream->send_window > 0) on_window(*stream);
  }
  return true;
}

void Session::take_ping(const FrameHeader& header, std::string_view payload) {
  if (header.stream != 0) return fail(ErrorCode::protocol_error, "PING on a stream");
  if (payload.size() != 8) return fail(ErrorCode::frame_size_error, "a bad PING");
  uint64_t opaque = uint64_t{read_u32(payload.data())} << 32 | read_u32(payload.data() + 4);
  if (header.has(kFlagAck)) return on_ping_ack(opaque);
  if (spend(Nuisance::ping)) send_ping(opaque, true);
}

void Session::take_goaway(const FrameHeader& header, std::string_view payload) {
  if (header.stream != 0) return fail(ErrorCode::protocol_error, "GOAWAY on a stream");
  if (payload.size() < 8) return fail(ErrorCode::frame_size_error, "a bad GOAWAY");
  if (!spend(Nuisance::other)) return;
  on_goaway(read_u32(payload.data()) & kMaxStreamId,
            static_cast<ErrorCode>(read_u32(payload.data() + 4)));
}

void Session::take_window_update(const FrameHeader& header, std::string_view payload) {
  if (payload.size() != 4) return fail(ErrorCode::frame_size_error, "a bad WINDOW_UPDATE");
  if (header.stream != 0 && is_idle(header.stream)) {
    return fail(ErrorCode::protocol_error, "WINDOW_UPDATE on an idle stream");
  }
  if (!spend(Nuisance::window_update)) return;
  uint32_t increment = read_u32(payload.data()) & 0x7fffffff;
  if (header.stream == 0) {
    if (increment == 0) return fail(ErrorCode::protocol_error, "WINDOW_UPDATE of nothing");
    send_window_ += increment;
    if (send_window_ > kMaxWindow) {
      return fail(ErrorCode::flow_control_error, "the connection's window is too wide");
    }
    return on_connection_window();
  }
  Stream* stream = find(header.stream);
  if (stream == nullptr) return;
  if (increment == 0) return fault(*stream, ErrorCode::protocol_error, "WINDOW_UPDATE of nothing");
  stream->send_window += increment;
  if (stream->send_window > kMaxWindow) {
    return fault(*stream, ErrorCode::flow_control_error, "a stream's window is too wide");
  }
  on_window(*stream);
}

// ---- streams

Stream* Session::find(uint32_t id) const {
  auto at = std::lower_bound(streams_.begin(), streams_.end(), id, is_before);
  return at != streams_.end() && (*at)->id == id ? *at : nullptr;
}

void Session::add_stream(Stream& stream) {
  stream.open = true;
  stream.send_window = peer_initial_window_;
  stream.window = grants_.stream_window;
  stream.receive_window = grants_.stream_window;
  streams_.push_back(&stream);  // numbers only grow
}

void Session::close_stream(Stream& stream, bool by_us) {
  if (!stream.open) return;
  bool ended = stream.remote_ended && stream.local_ended;
  stream.open = false;
  stream.reset = !ended;
  if (block_.target == &stream) block_.target = nullptr;
  streams_.erase(std::lower_bound(streams_.begin(), streams_.end(), stream.id, is_before));
  remember(stream.id, ended ? Ending::both : by_us ? Ending::by_us : Ending::by_peer);
  stream.pending.release();
  stream.trailers.release();
  if (!stream.reset) return patience_.exchange_done();
  if (by_us && !stream.remote_ended) late_window_ += std::max<int64_t>(0, stream.receive_window);
  // An answer that is complete is one, whatever its sender says afterwards (RFC 9113 8.1).
  if (role_ == Role::client && stream.remote_ended) return;
  if (!grants_.streams_apart) credit_connection(stream.incoming.size());
  stream.incoming.release();
}

void Session::close_if_ended(Stream& stream) {
  if (stream.open && stream.remote_ended && stream.local_ended) close_stream(stream, false);
}

// A fault of the peer's that costs it the stream.
void Session::fault(Stream& stream, ErrorCode code, const char* reason) {
  failure_ = reason;
  stream.reset_code = code;
  stream.remote_ended = false;  // what has come is not to be trusted
  write_reset(stream.id, code);
  close_stream(stream, true);
  on_reset(stream);
  spend(Nuisance::reset);
}

void Session::remember(uint32_t id, Ending ending) {
  uint32_t entry = id << 2 | static_cast<uint32_t>(ending);
  if (ended_.size() < kRingSize) {
    ended_.push_back(entry);
    return;
  }
  ended_[ended_at_] = entry;
  ended_at_ = (ended_at_ + 1) % kRingSize;
}

Session::Ending Session::ending_of(uint32_t id) const {
  for (uint32_t entry : ended_) {
    if (entry >> 2 == (id & (UINT32_MAX >> 2))) return static_cast<Ending>(entry & 3);
  }
  return Ending::unknown;
}

bool Session::spend(Nuisance nuisance) {
  if (role_ == Role::client && nuisance == Nuisance::reset) return true;  // it may refuse us
  if (patience_.spend(nuisance, now_us(), counts_)) return true;
  fail(ErrorCode::enhance_your_calm, "too much that leads nowhere");
  return false;
}

void Session::fail(ErrorCode code, const char* reason) {
  if (failed_) return;
  failed_ = true;
  failure_ = reason;
  send_goaway(last_peer_stream_, code);
}

}  // namespace pylon::http::h2
