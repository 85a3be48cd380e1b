#include "http/h2/server_connection.h"

#include <algorithm>

namespace pylon::http::h2 {
namespace {

constexpr int kReadsPerTurn = 4;
constexpr uint32_t kMaxHeadOctets = 256 << 10;  // of the requests of one connection
constexpr uint64_t kDrainPing = 0x7079'6c6f'6e00'0001;
constexpr int64_t kDrainUs = 1'000'000;  // between the two GOAWAYs, if the PING is not answered
constexpr int64_t kLingerUs = 1'000'000;

ServerStream& own(Stream& stream) { return static_cast<ServerStream&>(stream); }

}  // namespace

// ---- the worker's connections

void ServerConnections::drain() {
  for (auto* list : {&idle, &busy}) {
    for (ServerConnection* each = list->front(); each != nullptr; each = list->next(*each)) {
      each->drain();
    }
  }
}

void ServerConnections::close_all() {
  while (!idle.empty()) idle.front()->close_now();
  while (!busy.empty()) busy.front()->close_now();
}

// ---- life

void ServerConnection::open(net::Loop& loop, std::unique_ptr<net::Stream> stream,
                            const ConnectionEnds& ends, const ServerLimits& limits,
                            Service& service, ServerConnections& all, std::string_view read) {
  auto* connection = new ServerConnection(loop, std::move(stream), ends, limits, service, all);
  connection->inbox_.put(read);
  connection->advance();
}

ServerConnection::ServerConnection(net::Loop& loop, std::unique_ptr<net::Stream> stream,
                                   const ConnectionEnds& ends, const ServerLimits& limits,
                                   Service& service, ServerConnections& all)
    : Session(Role::server, all.grants, all.nuisances),
      loop_(loop),
      stream_(std::move(stream)),
      limits_(limits),
      service_(service),
      all_(all),
      waker_(loop, &ServerConnection::on_event, this),
      id_(next_connection_id()),
      idle_us_(loop.now_us()),
      ends_(ends) {
  all_.opened++;
  all_.busy.push_back(*this);
  stream_->set_waker(&waker_);
  stream_->receive_ahead();
  begin();
  if (service_.draining()) drain();
  on_output();
}

ServerConnection::~ServerConnection() = default;

void ServerConnection::on_event(void* self) {
  auto& connection = *static_cast<ServerConnection*>(self);
  if (connection.state_ == State::closed) return;
  if (connection.waker_.timed_out()) connection.on_timeout();
  connection.advance();
}

void ServerConnection::advance() {
  if (state_ == State::draining) return linger();
  if (state_ != State::open) return;
  if (!write_out() || !read()) return lose();
  run_streams();
  settle();
}

// Takes what has come. False: the peer has closed.
bool ServerConnection::read() {
  for (int reads = 0; !failed(); reads++) {
    if (!inbox_.empty()) {
      size_t used = take(inbox_.view());
      inbox_.consume(used);
      if (used != 0 && !in_block()) partial_us_ = 0;
    }
    if (reads == kReadsPerTurn || failed() || !stream_->can_read()) break;
    if (output().size() >= kOutputHigh * 2) break;  // it does not read: we do not either
    net::Io io = inbox_.fill(*stream_);
    if (io.state == net::IoState::again) break;
    if (io.state != net::IoState::ok) return false;
  }
  on_output();
  return !stream_->broken();
}

void ServerConnection::run_streams() {
  if (in_run_) return;
  in_run_ = true;
  while (Stream* stream = due_.front()) {
    stream->ListHook<Stream>::leave();
    own(*stream).proceed();
  }
  if (may_send()) wake_waiting();
  in_run_ = false;
}

void ServerConnection::wake_waiting() {
  bool all = std::exchange(was_full_, false);
  for (size_t left = waiting_.size(); left > 0 && !waiting_.empty(); left--) {
    if (output_full()) {
      was_full_ = true;
      return;
    }
    if (!all && connection_window_closed()) return;
    Stream* stream = waiting_.front();
    stream->ListHook<Stream>::leave();
    own(*stream).proceed();
  }
}

void ServerConnection::at_turn_end() {
  if (state_ == State::draining) return linger();
  if (state_ == State::closed) return;
  if (state_ == State::open && !write_out()) return lose();
  if (!waiting_.empty() && output().size() <= kOutputHigh / 2 && may_send()) {
    run_streams();
    on_output();
  }
  settle();
}

bool ServerConnection::write_out() {
  while (!output().empty()) {
    std::string_view octets = output().view();
    net::Io io = stream_->write(octets.data(), octets.size());
    if (io.state == net::IoState::again) break;
    if (io.state != net::IoState::ok) return false;
    output().consume(io.bytes);
    written_ += io.bytes;
    stuck_us_ = 0;
  }
  if (output().empty()) {
    stuck_us_ = 0;
    output_left();
  } else if (stuck_us_ == 0) {
    stuck_us_ = loop_.now_us();
  }
  return true;
}

// ---- what the session tells

Stream* ServerConnection::begin_stream(uint32_t id) {
  bool full = live_.size() >= all_.grants.streams || head_octets_ > kMaxHeadOctets ||
              all_.head_octets > ServerConnections::kMaxHeadOctets;
  if (full || going_away_) return nullptr;
  auto* stream = new ServerStream(*this, id);
  live_.push_back(*stream);
  idle_us_ = 0;
  return stream;
}

void ServerConnection::on_field(Stream& stream, const FieldLine& line) {
  own(stream).take_field(line);
}

const char* ServerConnection::on_head(Stream& stream) {
  const char* wrong = own(stream).take_head();
  if (wrong == nullptr) make_due(stream);
  return wrong;
}

const char* ServerConnection::on_data(Stream& stream, size_t octets) {
  const char* wrong = own(stream).take_data(octets);
  if (own(stream).over()) drop_body(stream);
  if (wrong == nullptr) make_due(stream);
  return wrong;
}

void ServerConnection::on_reset(Stream& stream) { make_due(stream); }

void ServerConnection::on_window(Stream& stream) {
  if (own(stream).started()) make_due(stream);
}

void ServerConnection::on_connection_window() { on_output(); }

void ServerConnection::on_goaway(uint32_t, ErrorCode) {}

void ServerConnection::on_ping_ack(uint64_t opaque) {
  if (opaque == kDrainPing && drain_us_ != 0) drain_us_ = loop_.now_us();
}

void ServerConnection::head_grew(uint32_t octets) {
  head_octets_ += octets;
  all_.head_octets += octets;
}

void ServerConnection::stream_ended(ServerStream& stream) {
  head_octets_ -= stream.head_octets();
  all_.head_octets -= stream.head_octets();
  stream.ListHook<Stream>::leave();
  stream.ListHook<ServerStream>::leave();
  loop_.retire(&stream);
  if (live_.empty()) idle_us_ = loop_.now_us();
  on_output();
}

uint64_t ServerConnection::delivered() const { return stream_->acknowledged(written_); }

// ---- the end of a connection

// What follows from the state: lists, timers, the end.
void ServerConnection::settle() {
  if (state_ != State::open) {
    if (state_ == State::lost && live_.empty()) close(false);
    return;
  }
  if (failed()) return end_gracefully();
  if (drain_us_ != 0 && loop_.now_us() >= drain_us_) {
    drain_us_ = 0;
    going_away_ = true;
    send_goaway(last_peer_stream(), ErrorCode::no_error);
    on_output();
  }
  if (going_away_ && live_.empty()) return end_gracefully();
  IntrusiveList<ServerConnection>& list = live_.empty() ? all_.idle : all_.busy;
  if (live_.empty() != parked_) {
    parked_ = live_.empty();
    list.push_back(*this);
  }
  if (parked_) inbox_.trim();
  arm();
}

void ServerConnection::arm() {
  int64_t now_us = loop_.now_us();
  if (stream_->can_read() && output().size() < kOutputHigh * 2) return waker_.arm(now_us);
  bool partial = !inbox_.empty() || in_block() || !settings_came();
  if (!partial) {
    partial_us_ = 0;
  } else if (partial_us_ == 0) {
    partial_us_ = now_us;
  }
  int64_t next_us = net::Timer::kNever;
  auto at = [&](int64_t since_us, int64_t patience_us) {
    if (since_us != 0) next_us = std::min(next_us, since_us + patience_us);
  };
  at(partial_us_, limits_.head_timeout_us);
  at(stuck_us_, limits_.send_timeout_us);
  at(idle_us_, limits_.keepalive_timeout_us);
  at(drain_us_, 0);
  at(flushing_us_, limits_.send_timeout_us);
  waker_.arm(next_us);
}

void ServerConnection::on_timeout() {
  if (state_ != State::open) return;
  int64_t now_us = loop_.now_us();
  auto over = [&](int64_t since_us, int64_t patience_us) {
    return since_us != 0 && now_us >= since_us + patience_us;
  };
  if (over(stuck_us_, limits_.send_timeout_us)) {
    uint64_t delivered_now = delivered();
    if (delivered_now <= seen_delivered_) return lose();
    seen_delivered_ = delivered_now;
    stuck_us_ = now_us;
  }
  if (over(partial_us_, limits_.head_timeout_us)) {
    return fail(ErrorCode::no_error, "a frame did not come in time");
  }
  if (over(idle_us_, limits_.keepalive_timeout_us)) {
    return fail(ErrorCode::no_error, "idle for too long");
  }
  if (over(flushing_us_, limits_.send_timeout_us)) shed_stalled();
}

// Streams whose exchange is over, and whose client does not take the rest of the answer.
void ServerConnection::shed_stalled() {
  flushing_us_ = 0;
  std::vector<Stream*> open_streams = streams();
  for (Stream* stream : open_streams) {
    ServerStream& flushing = own(*stream);
    if (!flushing.over()) continue;
    if (flushing.stalled()) {
      send_reset(flushing, ErrorCode::cancel);
      make_due(flushing);
    } else {
      flushing_us_ = loop_.now_us();
    }
  }
}

void ServerConnection::drain() {
  if (state_ != State::open || going_away_ || drain_us_ != 0) return;
  send_goaway(kMaxStreamId, ErrorCode::no_error);
  send_ping(kDrainPing, false);
  drain_us_ = loop_.now_us() + kDrainUs;
  on_output();
}

// The peer has gone: whoever works for it is told, and the connection ends with the last of them.
void ServerConnection::lose() {
  if (state_ != State::open) return;
  state_ = State::lost;
  waker_.disarm();
  output().release();
  reset_streams();
  run_streams();
  settle();
}

// Every open stream is told that nothing more will come or go.
void ServerConnection::reset_streams() {
  std::vector<Stream*> open_streams = streams();
  for (Stream* stream : open_streams) {
    close_stream(*stream, true);
    make_due(*stream);
  }
}

// Sends what waits, then the end mark, and reads on for a while: closing with unread octets would
// reset the connection, and the client could lose the last frames.
void ServerConnection::end_gracefully() {
  reset_streams();
  run_streams();
  state_ = State::draining;
  end_us_ = loop_.now_us() + limits_.send_timeout_us;
  all_.busy.push_back(*this);
  linger();
}

void ServerConnection::linger() {
  if (!end_sent_) {
    if (!write_out()) return part(false);
    if (output().empty()) stream_->shutdown_write();
    bool left = stream_->untaken() == 0 || stream_->broken();
    if (!output().empty() || !left) {
      if (loop_.now_us() >= end_us_) return part(true);
      return waker_.arm(end_us_);
    }
    end_sent_ = true;
    end_us_ = loop_.now_us() + std::min(kLingerUs, limits_.linger_us);
  }
  if (loop_.now_us() >= end_us_) return part(false);
  inbox_.clear();
  for (int reads = 0; reads < kReadsPerTurn && stream_->can_read(); reads++) {
    net::Io io = inbox_.fill(*stream_);
    inbox_.clear();
    if (io.state == net::IoState::again) break;
    if (io.state != net::IoState::ok) return part(false);
  }
  waker_.arm(stream_->can_read() ? loop_.now_us() : end_us_);
}

// The connection is over for the client, but exchanges are not cut off: each comes to its log
// phase, where plugins give back what they hold for it.
void ServerConnection::part(bool reset) {
  if (live_.empty()) return close(reset);
  state_ = State::lost;
  waker_.disarm();
  stream_->close(reset);
}

void ServerConnection::close_now() { close(true); }

void ServerConnection::close(bool reset) {
  if (state_ == State::closed) return;
  state_ = State::closed;
  ListHook<ServerConnection>::leave();
  waker_.disarm();
  while (ServerStream* stream = live_.front()) {
    stream->kill();
    stream_ended(*stream);
  }
  stream_->close(reset);
  loop_.retire(this);
  service_.on_closed();
}

}  // namespace pylon::http::h2
