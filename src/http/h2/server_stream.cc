#include "http/h2/server_stream.h"

#include <algorithm>

#include "base/time_text.h"
#include "http/body_gathering.h"
#include "http/h2/response_lines.h"
#include "http/h2/server_connection.h"

namespace pylon::http::h2 {

ServerStream::ServerStream(ServerConnection& connection, uint32_t id)
    : Stream(id),
      connection_(connection),
      memory_(make_exchange_memory<ExchangeMemory>()),
      waker_(connection.loop()) {}

ServerStream::~ServerStream() = default;

// ---- what comes

void ServerStream::take_field(const FieldLine& line) {
  const ServerLimits& limits = connection_.limits();
  if (head_came) {
    trailers_.field(line, limits.head);
    return;
  }
  uint32_t before = static_cast<uint32_t>(head_.octets());
  head_.field(line, limits.head, memory_->exchange);
  if (memory_->exchange.refusal != 0) return;  // not kept
  uint32_t more = static_cast<uint32_t>(head_.octets()) - before;
  head_octets_ += more;
  connection_.head_grew(more);
}

const char* ServerStream::take_head() {
  if (head_came) {
    const char* wrong = trailers_.finish();
    return wrong != nullptr ? wrong : take_data(0);
  }
  head_came = true;
  Exchange& exchange = memory_->exchange;
  const char* wrong = head_.finish(remote_ended, exchange);
  uint64_t limit = connection_.limits().body_bytes;
  if (wrong == nullptr && exchange.refusal == 0 && limit != 0 &&
      exchange.request.content_length > static_cast<int64_t>(limit)) {
    exchange.refusal = 413;
    exchange.refusal_reason = "the body is larger than allowed";
  }
  exchange.request_bytes = head_.octets();
  return wrong;
}

const char* ServerStream::take_data(size_t octets) {
  received_ += octets;
  if (ended_) return nullptr;
  int64_t announced = memory_->exchange.request.content_length;
  if (memory_->exchange.refusal != 0 || announced < 0) return nullptr;
  auto length = static_cast<uint64_t>(announced);
  if (received_ > length || (remote_ended && received_ != length)) {
    return "the body is not as long as Content-Length says";
  }
  return nullptr;
}

// ---- the exchange

void ServerStream::proceed() {
  if (!started_) {
    if (head_came && !reset) return start();
    ended_ = true;
    return connection_.stream_ended(*this);
  }
  if (!ended_) return waker_.wake();
  if (!open || connection_.send_pending(*this)) return finish();
  if (!connection_.window_closed(*this)) connection_.make_wait(*this);
}

void ServerStream::start() {
  started_ = true;
  Exchange& exchange = memory_->exchange;
  if (exchange.refusal != 0) exchange.request.fields.clear();  // nobody shall act on them
  fill_peers(exchange);
  task_ = connection_.service().serve(exchange);
  task_.start(&ServerStream::on_served, this);
}

void ServerStream::fill_peers(Exchange& exchange) {
  const ConnectionEnds& ends = connection_.ends();
  const net::Loop& loop = connection_.loop();
  ends.describe_to(exchange);
  exchange.request.https = ends.tls != nullptr;
  exchange.connection_id = connection_.id();
  exchange.connection_requests = connection_.count_request();
  exchange.start_us = loop.now_us();
  exchange.start_wall_us = loop.now_us() + loop.wall_offset_us();
  exchange.downstream = this;
}

void ServerStream::on_served(void* self) {
  auto& stream = *static_cast<ServerStream*>(self);
  stream.task_ = {};
  stream.ended_ = true;
  stream.body_ = &stream;
  stream.waker_.disarm();
  bool whole = stream.answered_ && !stream.aborted_;
  ErrorCode code = stream.is_connected() ? ErrorCode::connect_error : ErrorCode::internal_error;
  stream.memory_.reset();
  stream.held_.release();
  stream.incoming.release();
  if (stream.open && !whole) stream.connection_.send_reset(stream, code);
  if (stream.open && stream.connection_.send_pending(stream)) return stream.finish();
  if (!stream.open) return stream.finish();
  stream.watched_ = stream.sent_octets;
  stream.connection_.on_flushing();
  if (!stream.connection_.window_closed(stream)) stream.connection_.make_wait(stream);
}

// The task is over and everything has been sent: if the client still sends, it may stop now.
void ServerStream::finish() {
  if (open) connection_.send_reset(*this, ErrorCode::no_error);
  connection_.stream_ended(*this);
}

void ServerStream::kill() {
  task_ = {};
  ended_ = true;
  waker_.disarm();
}

bool ServerStream::stalled() {
  bool moved = sent_octets != watched_;
  watched_ = sent_octets;
  return !moved;
}

// It is the tunnel that a CONNECT asked for: RFC 9113 8.5.
bool ServerStream::is_connected() const {
  const Exchange& exchange = memory_->exchange;
  return head_sent_ && exchange.request.method == Method::connect &&
         exchange.response.status == 200;
}

// ---- request body

Chunk ServerStream::pull() {
  if (body_failure_ != 0 || reset) return {Pull::error, {}};
  connection_.take_body(*this, held_);
  (void)connection_.open_window(*this);
  if (held_.empty() && !remote_ended) {
    held_.release();
    return {Pull::again, {}};
  }
  connection_.on_output();
  Exchange& exchange = memory_->exchange;
  exchange.request_bytes += held_.size();
  uint64_t limit = connection_.limits().body_bytes;
  bool tunnel = head_.asks_for_tunnel() || exchange.request.method == Method::connect;
  if (limit != 0 && received_ > limit && !tunnel) return fail_body(413);
  return {remote_ended ? Pull::end : Pull::data, held_.view()};
}

Chunk ServerStream::fail_body(int status) {
  body_failure_ = status;
  return {Pull::error, {}};
}

async::Task<BodyRead> ServerStream::buffer_body(size_t limit, std::string_view& out) {
  int64_t patience_us = connection_.limits().body_timeout_us;
  GatherTerms terms{connection_.loop(), patience_us, !incoming.empty()};
  return gather_body(*this, memory_->exchange, terms, limit, out);
}

void ServerStream::replace_body(std::string_view octets) {
  buffered_ = TextBody(octets);
  body_ = &buffered_;
}

// ---- response

Push ServerStream::lost() {
  memory_->exchange.client_aborted = true;
  aborted_ = true;
  return Push::error;
}

Push ServerStream::send_interim(const Response& response) {
  if (!open) return lost();
  ResponseLines lines(memory_->exchange.arena, response);
  connection_.send_head(*this, lines.all(), false);
  connection_.on_output();
  return Push::done;
}

void ServerStream::start_response(int64_t length) {
  Exchange& exchange = memory_->exchange;
  if (head_.asks_for_tunnel()) judge_tunnel(exchange.response);
  int status = exchange.response.status;
  bodiless_ = exchange.request.method == Method::head || status == 204 || status == 304;
  length_ = left_ = length;
  head_pending_ = true;
}

// To the client any 2xx says that the tunnel stands: only an upstream that switched may say so.
void ServerStream::judge_tunnel(Response& response) {
  if (response.status == 101) {
    response.fields.remove("Sec-WebSocket-Accept");
  } else if (response.status >= 200 && response.status < 300) {
    response.status = 502;
    response.reason = {};
  }
}

void ServerStream::write_head(bool end) {
  head_pending_ = false;
  head_sent_ = true;
  Exchange& exchange = memory_->exchange;
  ResponseLines lines(exchange.arena, exchange.response);
  if (!exchange.response.fields.has(FieldId::date)) {
    const net::Loop& loop = connection_.loop();
    int64_t unix_s = (loop.now_us() + loop.wall_offset_us()) / 1'000'000;
    lines.add("date", exchange.arena.copy(http_date(unix_s)));
  }
  if (length_ >= 0 && exchange.response.status != 204) lines.add_length(length_);
  size_t before = connection_.waiting_octets();
  connection_.send_head(*this, lines.all(), end);
  exchange.bytes_sent += connection_.waiting_octets() - before;
}

Push ServerStream::push(std::string_view octets, bool end) {
  if (!open) return lost();
  if (bodiless_) octets = {};
  if (left_ >= 0 && !bodiless_) {
    octets = octets.substr(0, std::min(octets.size(), static_cast<size_t>(left_)));
    left_ -= static_cast<int64_t>(octets.size());
  }
  if (end) {
    // A body shorter than announced is an answer cut short: the client must see that.
    answered_ = bodiless_ || left_ <= 0;
    if (!answered_) aborted_ = true;
  }
  bool last = end && answered_;
  if (head_pending_) write_head(last && octets.empty());
  Exchange& exchange = memory_->exchange;
  exchange.body_bytes_sent += octets.size();
  exchange.bytes_sent += octets.size();
  if (!octets.empty() || (last && !local_ended)) connection_.send_data(*this, octets, last);
  return state_after_push();
}

Push ServerStream::push_trailers(std::string_view lines) {
  if (bodiless_ || left_ > 0) return push({}, true);
  if (!open) return lost();
  answered_ = true;
  if (head_pending_) write_head(false);
  memory_->exchange.bytes_sent += lines.size();
  connection_.send_trailers(*this, lines);
  return state_after_push();
}

Push ServerStream::state_after_push() {
  connection_.on_output();
  return pending.empty() ? Push::done : Push::blocked;
}

Push ServerStream::flush() {
  if (head_pending_ && open) write_head(false);
  if (!connection_.write_out() || reset) return lost();
  connection_.send_pending(*this);
  connection_.on_output();
  if (room() != 0 && pending.empty()) return Push::done;
  if (connection_.output_is_full() || !connection_.window_closed(*this)) {
    connection_.make_wait(*this);
  }
  return Push::blocked;
}

size_t ServerStream::unsent() const {
  return pending.size() + (connection_.output_is_full() ? Session::kOutputHigh : 0);
}

// What waits goes first, by flush().
size_t ServerStream::room() const { return pending.empty() ? connection_.send_room(*this) : 0; }

// The connection's window is for all of its streams, and for those that will come.
size_t ServerStream::first_room() const {
  return connection_.send_room(*this) / (2 * std::max<size_t>(1, connection_.streams_under_way()));
}

bool ServerStream::delivering() {
  uint64_t now = sent_octets + connection_.delivered();
  bool moved = now > watched_;
  watched_ = now;
  return moved;
}

}  // namespace pylon::http::h2
