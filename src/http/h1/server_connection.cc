#include "http/h1/server_connection.h"

#include <algorithm>

#include "base/time_text.h"
#include "http/body_gathering.h"
#include "http/h1/head_writer.h"
#include "http/h1/write_parts.h"
#include "http/h2/server_connection.h"

namespace pylon::http::h1 {
namespace {

constexpr int kBurst = 32;                   // pipelined requests served before others get a turn
constexpr size_t kBodyReadBytes = 32 << 10;  // so that what a stalled upload leaves behind is small
constexpr size_t kHeadRoom = 256;            // of a response head, beside its fields
constexpr std::string_view kHttp2Head = "PRI * HTTP/2.0\r\n\r\n";

}  // namespace

// ---- the worker's connections

size_t ServerConnections::shed_idle(size_t at_most) {
  size_t closed = 0;
  for (; closed < at_most && !idle.empty(); closed++) idle.front()->close_idle();
  return closed;
}

void ServerConnections::close_unused(int64_t since_us) {
  for (size_t left = idle.size(); left > 0 && !idle.empty(); left--) {
    ServerConnection& each = *idle.front();
    idle.push_back(each);  // those that stay keep their order
    if (each.unused_since(since_us)) each.close_unused();
  }
}

void ServerConnections::close_all() {
  while (!idle.empty()) idle.front()->close_idle();
  while (!busy.empty()) busy.front()->close_now();
}

size_t ServerConnections::fresh() const {
  size_t count = 0;
  for (ServerConnection* each = idle.front(); each != nullptr; each = idle.next(*each)) {
    count += each->fresh();
  }
  return count;
}

// ---- life

void ServerConnection::open(net::Loop& loop, std::unique_ptr<net::Stream> stream,
                            const ConnectionEnds& ends, const ServerLimits& limits,
                            Service& service, ServerConnections& all) {
  auto* connection = new ServerConnection(loop, std::move(stream), ends, limits, service, all);
  connection->advance();
}

ServerConnection::ServerConnection(net::Loop& loop, std::unique_ptr<net::Stream> stream,
                                   const ConnectionEnds& ends, const ServerLimits& limits,
                                   Service& service, ServerConnections& all)
    : loop_(loop),
      stream_(std::move(stream)),
      limits_(limits),
      service_(service),
      all_(all),
      waker_(loop, &ServerConnection::on_idle, this),
      id_(next_connection_id()),
      ends_(ends) {
  all_.opened++;
  stream_->set_waker(&waker_);
  stream_->receive_ahead();
}

ServerConnection::~ServerConnection() = default;

void ServerConnection::on_idle(void* self) {
  auto& connection = *static_cast<ServerConnection*>(self);
  switch (connection.state_) {
    case State::reading:
      if (connection.waker_.timed_out() && !connection.yielded_) {
        connection.on_timeout();
      } else {
        connection.advance();
      }
      return;
    case State::draining:
      connection.drain();
      return;
    case State::busy:    // the exchange waits for something else: it sees the flags later
    case State::closed:  // retired in this turn
      return;
  }
}

// Serves what is there, then parks. The only place where exchanges begin.
void ServerConnection::advance() {
  if (in_advance_) return;
  in_advance_ = true;
  yielded_ = false;
  for (int served = 0; state_ == State::reading; served++) {
    if (!flushed()) break;
    if (served == kBurst) {
      yield();
      break;
    }
    if (!parse_head()) break;
    serve();
  }
  in_advance_ = false;
}

// Lets other connections have their turn; goes on with what has been pipelined in the next one.
void ServerConnection::yield() {
  yielded_ = true;
  all_.idle.push_back(*this);
  waker_.arm(loop_.now_us());
}

// Whether earlier answers have left; else parks until they have.
bool ServerConnection::flushed() {
  if (outbox_.empty()) return true;
  net::IoState state = outbox_.flush(*stream_);
  if (state == net::IoState::ok) return true;
  if (state == net::IoState::error) {
    close(false);
  } else {
    park();
  }
  return false;
}

// True when request_ holds the next request (sound or refused).
bool ServerConnection::parse_head() {
  for (;;) {
    if (!inbox_.empty() && (seen_ == 0 || worth_parsing(inbox_.view(), seen_) || oversized())) {
      request_ = make_exchange_memory<Request>();
      ParseResult head =
          parse_request_head(inbox_.view(), limits_.head, request_->exchange.request);
      if (head.state == Parse::error && may_speak_http2()) {
        if (inbox_.view().size() >= kHttp2Head.size()) {
          hand_to_http2();
          return false;
        }
        head.state = Parse::incomplete;
      }
      if (head.state != Parse::incomplete) {
        begin(head);
        return true;
      }
      request_.reset();
    }
    seen_ = static_cast<uint32_t>(inbox_.view().size());
    if (!receive()) return false;
  }
}

// More of a request line, or of a head, than is allowed.
bool ServerConnection::oversized() const {
  std::string_view octets = inbox_.view();
  if (octets.size() >= limits_.head.head_bytes) return true;
  return octets.size() > limits_.head.line_bytes && octets.find('\n') == std::string_view::npos;
}

// RFC 9113 3.3: the client knows that HTTP/2 is spoken here. What only begins alike is refused as
// HTTP/1.
bool ServerConnection::may_speak_http2() const {
  if (requests_ != 0 || all_.http2 == nullptr || !ends_.http2) return false;
  std::string_view octets = inbox_.view();
  return octets.starts_with(kHttp2Head) || kHttp2Head.starts_with(octets);
}

void ServerConnection::hand_to_http2() {
  state_ = State::closed;
  leave();
  request_.reset();
  waker_.disarm();
  std::string read(inbox_.view());
  inbox_.clear();
  h2::ServerConnection::open(loop_, std::move(stream_), ends_, limits_, service_, *all_.http2,
                             read);
  loop_.retire(this);
}

// Reads once. False: nothing came, and the connection is parked or closed.
bool ServerConnection::receive() {
  if (!stream_->can_read()) {
    park();
    return false;
  }
  net::Io io = inbox_.fill(*stream_);
  switch (io.state) {
    case net::IoState::ok:
      return true;
    case net::IoState::again:
      park();
      return false;
    case net::IoState::end:
    case net::IoState::error:
      break;
  }
  close(false);
  return false;
}

void ServerConnection::park() {
  all_.idle.push_back(*this);
  inbox_.trim();
  int64_t now_us = loop_.now_us();
  if (!outbox_.empty()) {
    waker_.arm(now_us + limits_.send_timeout_us);
  } else if (inbox_.empty()) {
    head_deadline_us_ = 0;
    waker_.arm(now_us + limits_.keepalive_timeout_us);
  } else {
    if (head_deadline_us_ == 0) head_deadline_us_ = now_us + limits_.head_timeout_us;
    waker_.arm(head_deadline_us_);
  }
}

bool ServerConnection::delivering() {
  uint64_t delivered = stream_->acknowledged(outbox_.sent_bytes());
  bool more = delivered > delivered_;
  delivered_ = delivered;
  return more;
}

void ServerConnection::on_timeout() {
  if (!all_taken()) return delivering() ? park() : close(false);
  if (inbox_.empty()) return close_unused();
  request_ = make_exchange_memory<Request>();
  refuse(408, "the head did not come in time");
  serve();
}

// ---- an exchange

void ServerConnection::begin(ParseResult head) {
  head_deadline_us_ = 0;
  seen_ = 0;
  if (head.state == Parse::error) {
    refuse(head.status, head.reason);
  } else {
    admit(head);
  }
}

void ServerConnection::refuse(uint16_t status, const char* reason) {
  Exchange& exchange = request_->exchange;
  exchange.refusal = status;
  exchange.refusal_reason = reason;
  exchange.request.fields.clear();  // half parsed: nobody shall act on them
  request_->keep_alive = false;
  request_->decoder.begin(Framing::none, 0);
  fill_peers(exchange);
}

// Moves the head into the exchange's arena and judges it.
void ServerConnection::admit(ParseResult head) {
  Exchange& exchange = request_->exchange;
  http::Request& request = exchange.request;
  std::string_view kept = exchange.arena.copy({inbox_.data(), head.head_bytes});
  ptrdiff_t delta = kept.data() - inbox_.data();
  request.fields.relocate(delta);
  request.method_text = {request.method_text.data() + delta, request.method_text.size()};
  request.target = {request.target.data() + delta, request.target.size()};
  inbox_.consume(head.head_bytes);
  exchange.request_bytes = head.head_bytes;
  RequestRules rules = judge_request(request);
  if (rules.refusal != 0) {
    refuse(rules.refusal, rules.reason);
    return;
  }
  request_->keep_alive = rules.keep_alive;
  request_->last = !rules.keep_alive;
  request_->decoder.begin(rules.framing, rules.length);
  exchange.has_body = rules.framing != Framing::none;
  exchange.expects_continue = rules.expects_continue;
  exchange.wants_upgrade = rules.wants_upgrade;
  fill_peers(exchange);
  if (limits_.body_bytes != 0 && rules.length > limits_.body_bytes) {
    refuse(413, "the body is larger than allowed");
  }
}

void ServerConnection::fill_peers(Exchange& exchange) {
  ends_.describe_to(exchange);
  exchange.request.https = ends_.tls != nullptr;
  exchange.connection_id = id_;
  exchange.connection_requests = ++requests_;
  exchange.start_us = loop_.now_us();
  exchange.start_wall_us = loop_.now_us() + loop_.wall_offset_us();
  exchange.downstream = this;
}

void ServerConnection::serve() {
  state_ = State::busy;
  body_ = this;
  all_.busy.push_back(*this);
  task_ = service_.serve(request_->exchange);
  task_.start(&ServerConnection::on_served, this);
}

void ServerConnection::on_served(void* self) {
  auto& connection = *static_cast<ServerConnection*>(self);
  if (connection.state_ == State::closed) return;
  connection.task_ = {};  // a parked connection holds no frame
  connection.finish_exchange();
  if (connection.state_ == State::reading) connection.advance();
}

// The task has ended: go on with the next request, or bring the connection to its end.
void ServerConnection::finish_exchange() {
  Request& request = *request_;
  bool whole = request.answered && request.decoder.done() && !aborted_;
  bool last = request.last;
  bool reset = request.delimiter == Delimiter::close && !request.answered;
  bool next = whole && request.keep_alive && request.delimiter != Delimiter::close &&
              request.delimiter != Delimiter::tunnel;
  bool tunnel = request.delimiter == Delimiter::tunnel;
  request_.reset();
  waker_.disarm();
  if (next) {
    state_ = State::reading;
  } else if (aborted_ || stream_->broken()) {
    close(reset);
  } else if (inbox_.empty() && all_taken() && (tunnel || (whole && last)) &&
             !stream_->stirred(stream_->can_read())) {
    close(false);
  } else {
    start_draining();
  }
}

// ---- the end of a connection

// Nothing would be lost by close(): neither here nor in the stream waits anything.
bool ServerConnection::all_taken() const {
  return outbox_.empty() && (stream_->untaken() == 0 || stream_->broken());
}

// Sends what waits, then the end mark, and reads on for a while: closing with unread octets would
// reset the connection, and the client could lose the answer (RFC 9112 9.6).
void ServerConnection::start_draining() {
  state_ = State::draining;
  all_.busy.push_back(*this);
  head_deadline_us_ = loop_.now_us() + limits_.send_timeout_us;
  drain();
}

void ServerConnection::drain() {
  if (!end_sent_) {
    size_t waiting = outbox_.size();
    net::IoState state = outbox_.flush(*stream_);
    if (state == net::IoState::error) return close(false);
    if (outbox_.size() < waiting) head_deadline_us_ = loop_.now_us() + limits_.send_timeout_us;
    if (state == net::IoState::ok) stream_->shutdown_write();
    if (!all_taken()) {
      if (loop_.now_us() >= head_deadline_us_) {
        if (!delivering()) return close(true);
        head_deadline_us_ = loop_.now_us() + limits_.send_timeout_us;
      }
      waker_.arm(head_deadline_us_);
      return;
    }
    end_sent_ = true;
    head_deadline_us_ = loop_.now_us() + limits_.linger_us;
  }
  if (loop_.now_us() >= head_deadline_us_) return close(false);
  inbox_.clear();
  for (int reads = 0; reads < kBurst && stream_->can_read(); reads++) {
    net::Io io = inbox_.fill(*stream_);
    inbox_.clear();
    if (io.state == net::IoState::end || io.state == net::IoState::error) return close(false);
    if (io.state == net::IoState::again) break;
  }
  waker_.arm(stream_->can_read() ? loop_.now_us() : head_deadline_us_);
}

void ServerConnection::close(bool reset) {
  if (state_ == State::closed) return;
  state_ = State::closed;
  leave();
  waker_.disarm();
  stream_->close(reset);
  loop_.retire(this);
  service_.on_closed();
}

void ServerConnection::close_idle() { close(false); }

bool ServerConnection::unused_since(int64_t us) const {
  if (!inbox_.empty() || !all_taken()) return false;
  return waker_.deadline_us() - limits_.keepalive_timeout_us <= us;
}

// A request may have come since the loop asked for events: it is served.
void ServerConnection::close_unused() {
  if (!stream_->broken() && stream_->stirred(true)) return advance();
  close(false);
}

void ServerConnection::close_now() { close(true); }

void ServerConnection::abort() { aborted_ = true; }

void ServerConnection::close_after_answer() { request_->keep_alive = false; }

// ---- request body

Chunk ServerConnection::pull() {
  Request& request = *request_;
  BodyDecoder& decoder = request.decoder;
  if (request.body_failure != 0 || decoder.failed()) return {Pull::error, {}};
  if (decoder.done()) return {Pull::end, {}};
  if (inbox_.empty()) {
    if (!stream_->can_read()) return {stream_->broken() ? Pull::error : Pull::again, {}};
    net::Io io = inbox_.fill(*stream_, kBodyReadBytes);
    if (io.state != net::IoState::ok) return no_more(io.state);
  }
  BodyDecoder::Slice slice = decoder.decode(inbox_.data(), inbox_.view().size(), limits_.head);
  Exchange& exchange = request.exchange;
  exchange.request_bytes += slice.consumed;
  request.body_bytes += slice.octets.size();
  inbox_.consume(slice.consumed);
  if (decoder.failed()) return fail_body(400);
  bool tunnel = decoder.framing() == Framing::until_close;
  uint64_t announced = request.body_bytes + (tunnel ? 0 : decoder.left());
  if (limits_.body_bytes != 0 && announced > limits_.body_bytes && !tunnel) {
    return fail_body(413);
  }
  return {decoder.done() ? Pull::end : Pull::data, slice.octets};
}

// What it means for the body that a read gave nothing.
Chunk ServerConnection::no_more(net::IoState state) {
  if (state == net::IoState::again) return {Pull::again, {}};
  if (state == net::IoState::error) return fail_body(499);
  BodyDecoder& decoder = request_->decoder;
  decoder.end_of_stream();
  return decoder.done() ? Chunk{Pull::end, {}} : fail_body(499);
}

// The whole length was held against the limit before the first octet was read.
uint64_t ServerConnection::passable() const {
  const BodyDecoder& decoder = request_->decoder;
  bool plain = request_->body_failure == 0 && decoder.framing() == Framing::length &&
               inbox_.empty() && stream_->pipes();
  return plain ? decoder.left() : 0;
}

Pull ServerConnection::pass(net::Pipe& into, uint64_t at_most) {
  BodyDecoder& decoder = request_->decoder;
  net::Io io = stream_->fill(into, std::min(at_most, decoder.left()));
  if (io.state != net::IoState::ok) return no_more(io.state).state;
  request_->exchange.request_bytes += io.bytes;
  request_->body_bytes += io.bytes;
  decoder.skip(io.bytes);
  return decoder.done() ? Pull::end : Pull::data;
}

Chunk ServerConnection::fail_body(int status) {
  request_->body_failure = status;
  request_->keep_alive = false;
  return {Pull::error, {}};
}

int ServerConnection::body_failure() const {
  return request_->body_failure == 499 ? 0 : request_->body_failure;
}

bool ServerConnection::body_complete() const { return request_->decoder.done(); }

std::string_view ServerConnection::request_trailers() const {
  return request_->decoder.trailer_octets();
}

async::Task<BodyRead> ServerConnection::buffer_body(size_t limit, std::string_view& out) {
  int64_t patience_us = limits_.body_timeout_us;
  return gather_body(*this, request_->exchange, {loop_, patience_us, !inbox_.empty()}, limit, out);
}

void ServerConnection::replace_body(std::string_view octets) {
  request_->buffered = TextBody(octets);
  body_ = &request_->buffered;
}

// ---- response

// Nothing but the log comes between the last octets and the end of the connection, where that is
// to end: they leave together.
Push ServerConnection::send(const iovec* parts, int count) {
  Request& request = *request_;
  for (int i = 0; i < count; i++) request.exchange.bytes_sent += parts[i].iov_len;
  bool last = request.answered && !request.keep_alive && request.decoder.done() &&
              request.delimiter != Delimiter::tunnel;
  return sent(outbox_.send(*stream_, parts, count, last));
}

Push ServerConnection::flush() { return sent(outbox_.flush(*stream_)); }

Push ServerConnection::sent(net::IoState state) {
  switch (state) {
    case net::IoState::ok:
      return Push::done;
    case net::IoState::again:
      return Push::blocked;
    default:
      request_->exchange.client_aborted = true;
      aborted_ = true;
      return Push::error;
  }
}

Push ServerConnection::send_interim(const Response& response) {
  if (request_->exchange.request.version == Version::http10) return Push::done;
  HeadWriter head(response.fields.line_octets() + kHeadRoom);
  head.text("HTTP/1.1 ").number(static_cast<uint64_t>(response.status)).text(" ");
  head.text(status_phrase(response.status)).text("\r\n");
  head.fields(response.fields, kHopByHop | field_set({FieldId::content_length})).text("\r\n");
  iovec part{const_cast<char*>(head.written().data()), head.written().size()};
  return send(&part, 1);
}

ServerConnection::Delimiter ServerConnection::delimiter_for(const Exchange& exchange,
                                                            int64_t length) const {
  int status = exchange.response.status;
  bool connected = exchange.request.method == Method::connect && status / 100 == 2;
  if (status == 101 || connected) return Delimiter::tunnel;
  if (exchange.request.method == Method::head || status == 204 || status == 304) {
    return Delimiter::none;
  }
  if (length >= 0) return Delimiter::length;
  return exchange.request.version == Version::http10 ? Delimiter::close : Delimiter::chunked;
}

void ServerConnection::start_response(int64_t length) {
  Request& request = *request_;
  Exchange& exchange = request.exchange;
  Response& response = exchange.response;
  request.started = true;
  request.delimiter = delimiter_for(exchange, length);
  request.left = length;
  if (!request.decoder.done() || service_.draining()) request.keep_alive = false;
  if (request.delimiter == Delimiter::tunnel) request.decoder.begin(Framing::until_close, 0);

  std::string_view reason =
      response.reason.empty() ? status_phrase(response.status) : response.reason;
  HeadWriter head(response.fields.line_octets() + reason.size() + kHeadRoom);
  head.text("HTTP/1.1 ").number(static_cast<uint64_t>(response.status)).text(" ");
  head.text(reason).text("\r\n");
  uint64_t skipped = kHopByHop | field_set({FieldId::content_length});
  head.fields(response.fields, skipped);
  if (!response.fields.has(FieldId::date)) {
    int64_t unix_s = (loop_.now_us() + loop_.wall_offset_us()) / 1'000'000;
    head.field("Date", http_date(unix_s));
  }
  write_framing_fields(head, length);
  request.head = head.text("\r\n").written();
}

void ServerConnection::write_framing_fields(HeadWriter& head, int64_t length) {
  Request& request = *request_;
  Exchange& exchange = request.exchange;
  switch (request.delimiter) {
    case Delimiter::tunnel:
      if (exchange.response.status != 101) return;
      head.text("Connection: upgrade\r\n");
      head.field("Upgrade", exchange.response.fields.get(FieldId::upgrade));
      return;
    case Delimiter::chunked:
      head.text("Transfer-Encoding: chunked\r\n");
      break;
    case Delimiter::none:
    case Delimiter::length:
      if (length >= 0 && exchange.response.status != 204) {
        head.text("Content-Length: ").number(static_cast<uint64_t>(length)).text("\r\n");
      }
      break;
    case Delimiter::close:
      request.keep_alive = false;
      break;
  }
  if (!request.keep_alive) {
    head.text("Connection: close\r\n");
  } else if (exchange.request.version == Version::http10) {
    head.text("Connection: keep-alive\r\n");
  }
}

Push ServerConnection::push(std::string_view octets, bool end) {
  Request& request = *request_;
  WriteParts parts;
  if (request.delimiter == Delimiter::none) octets = {};
  parts.add(std::exchange(request.head, {}));
  if (request.delimiter == Delimiter::chunked) {
    parts.add_chunk(octets, end);
  } else {
    if (request.delimiter == Delimiter::length) {
      octets = octets.substr(0, static_cast<size_t>(std::min<int64_t>(
                                    request.left, static_cast<int64_t>(octets.size()))));
      request.left -= static_cast<int64_t>(octets.size());
    }
    parts.add(octets);
  }
  request.exchange.body_bytes_sent += octets.size();
  if (end) ended();
  Push pushed = parts.count() != 0 ? send(parts.data(), parts.count())
                : outbox_.empty()  ? Push::done
                                   : flush();
  if (end && request.delimiter == Delimiter::tunnel && pushed == Push::done) {
    stream_->shutdown_write();
  }
  return pushed;
}

// A body shorter than announced is an answer cut short: the client must see that.
void ServerConnection::ended() {
  Request& request = *request_;
  request.answered = request.delimiter != Delimiter::length || request.left == 0;
  if (!request.answered) aborted_ = true;
}

uint64_t ServerConnection::pipe_room() const {
  const Request& request = *request_;
  bool free = request.delimiter == Delimiter::length && request.head.empty() && outbox_.empty() &&
              stream_->pipes();
  return free ? static_cast<uint64_t>(request.left) : 0;
}

Push ServerConnection::push_pipe(net::PipeLease octets, bool end) {
  Exchange& exchange = request_->exchange;
  exchange.bytes_sent += octets->size();
  exchange.body_bytes_sent += octets->size();
  request_->left -= static_cast<int64_t>(octets->size());
  if (end) ended();
  return sent(outbox_.send(*stream_, std::move(octets)));
}

Push ServerConnection::push_trailers(std::string_view lines) {
  Request& request = *request_;
  if (request.delimiter != Delimiter::chunked) return push({}, true);
  request.answered = true;
  WriteParts parts;
  parts.add(std::exchange(request.head, {}));
  parts.add("0\r\n");
  parts.add(lines);
  parts.add("\r\n");
  return send(parts.data(), parts.count());
}

}  // namespace pylon::http::h1
