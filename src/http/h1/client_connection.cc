#include "http/h1/client_connection.h"

#include <utility>

#include "http/h1/write_parts.h"

namespace pylon::http::h1 {

ClientConnection::ClientConnection(net::Loop& loop, std::unique_ptr<net::Stream> stream,
                                   uint64_t serial, uint64_t variant)
    : loop_(loop),
      stream_(std::move(stream)),
      idle_waker_(loop, &ClientConnection::on_idle, this),
      serial_(serial),
      variant_(variant) {
  stream_->receive_ahead();
}

ClientConnection::~ClientConnection() = default;

void ClientConnection::use(net::Waker& waker) {
  leave();
  idle_waker_.disarm();
  stream_->set_waker(&waker);
  exchanges_++;
  read_limit_ = net::ReadBuffer::kBytes;
  sent_before_ = outbox_.sent_bytes();
  received_ = 0;
  seen_ = 0;
  reason_ = "";
  request_ended_ = false;
  keep_alive_ = false;
  decoder_.begin(Framing::until_close, 0);  // not done: no answer yet
}

void ClientConnection::rest(int64_t deadline_us, Dropped dropped, void* pool) {
  inbox_.trim();
  dropped_ = dropped;
  pool_ = pool;
  stream_->set_waker(&idle_waker_);
  idle_waker_.arm(deadline_us);
}

void ClientConnection::on_idle(void* self) {
  auto& connection = *static_cast<ClientConnection*>(self);
  if (!connection.in_list()) return;  // not at rest any more
  if (!connection.idle_waker_.timed_out() && !connection.stirred(false)) return;
  connection.dropped_(connection.pool_, connection);
}

void ClientConnection::end() {
  leave();
  idle_waker_.disarm();
  stream_->set_waker(nullptr);
  stream_->close(false);
  loop_.retire(this);
}

// ---- request

Push ClientConnection::sent(net::IoState state) const {
  if (state == net::IoState::ok) return Push::done;
  return state == net::IoState::again ? Push::blocked : Push::error;
}

Push ClientConnection::send_head(std::string_view head, Framing framing, std::string_view octets,
                                 bool end) {
  framing_ = framing;
  request_ended_ = end;
  WriteParts parts;
  parts.add(head);
  if (framing == Framing::chunked) {
    parts.add_chunk(octets, end);
  } else {
    parts.add(octets);
  }
  if (parts.count() == 0) return blocked() ? flush() : Push::done;
  return sent(outbox_.send(*stream_, parts.data(), parts.count()));
}

Push ClientConnection::push(std::string_view octets, bool end) {
  return send_head(std::string_view{}, framing_, octets, end);
}

// The length of what is sent is checked where it comes from.
uint64_t ClientConnection::pipe_room() const {
  bool free = framing_ == Framing::length && outbox_.empty() && stream_->pipes();
  return free ? UINT64_MAX : 0;
}

Push ClientConnection::push_pipe(net::PipeLease octets, bool end) {
  request_ended_ = end;
  return sent(outbox_.send(*stream_, std::move(octets)));
}

Push ClientConnection::push_trailers(std::string_view lines) {
  if (framing_ != Framing::chunked) return push({}, true);
  request_ended_ = true;
  std::string_view texts[] = {"0\r\n", lines, "\r\n"};
  iovec parts[3];
  for (int i = 0; i < 3; i++) parts[i] = {const_cast<char*>(texts[i].data()), texts[i].size()};
  return sent(outbox_.send(*stream_, parts, 3));
}

Push ClientConnection::flush() { return sent(outbox_.flush(*stream_)); }

// ---- answer

ReadHead ClientConnection::read_head(const HeadLimits& limits, Method asked, Response& response) {
  limits_ = limits;
  for (;;) {
    std::string_view view = inbox_.view();
    bool worth = seen_ == 0 || worth_parsing(view, seen_) || view.size() >= limits.head_bytes;
    if (!view.empty() && worth) {
      int minor = 1;
      ParseResult head = parse_response_head(view, limits, response, minor);
      if (head.state == Parse::error) {
        reason_ = head.reason;
        return ReadHead::malformed;
      }
      if (head.state == Parse::complete) {
        relocate(response, head.head_bytes);
        ResponseRules rules = judge_response(response, minor, asked);
        if (rules.refusal != nullptr) {
          reason_ = rules.refusal;
          return ReadHead::malformed;
        }
        seen_ = 0;
        if (response.status >= 200) {
          keep_alive_ = rules.keep_alive;
          decoder_.begin(rules.framing, rules.length);
        }
        return ReadHead::complete;
      }
    }
    seen_ = static_cast<uint32_t>(view.size());
    net::Io io = inbox_.fill(*stream_, read_limit_);
    if (io.state == net::IoState::again) return ReadHead::again;
    if (io.state != net::IoState::ok) return ReadHead::closed;
    received_ += io.bytes;
  }
}

void ClientConnection::relocate(Response& response, uint32_t head_bytes) {
  std::string_view kept = response.fields.arena().copy({inbox_.data(), head_bytes});
  ptrdiff_t delta = kept.data() - inbox_.data();
  response.fields.relocate(delta);
  response.reason = {response.reason.data() + delta, response.reason.size()};
  inbox_.consume(head_bytes);
}

void ClientConnection::become_tunnel() {
  framing_ = Framing::none;
  keep_alive_ = false;
  decoder_.begin(Framing::until_close, 0);
}

Chunk ClientConnection::pull() {
  if (decoder_.failed()) return {Pull::error, {}};
  if (decoder_.done()) return {Pull::end, {}};
  if (inbox_.empty()) {
    net::Io io = inbox_.fill(*stream_, read_limit_);
    if (io.state != net::IoState::ok) return no_more(io.state);
    received_ += io.bytes;
  }
  BodyDecoder::Slice slice = decoder_.decode(inbox_.data(), inbox_.view().size(), limits_);
  inbox_.consume(slice.consumed);
  if (decoder_.failed()) {
    reason_ = decoder_.reason();
    return {Pull::error, {}};
  }
  return {decoder_.done() ? Pull::end : Pull::data, slice.octets};
}

// What it means for the body that a read gave nothing.
Chunk ClientConnection::no_more(net::IoState state) {
  if (state == net::IoState::again) return {Pull::again, {}};
  if (state == net::IoState::end) {
    decoder_.end_of_stream();
    reason_ = "the upstream closed before the answer was complete";
    return {decoder_.done() ? Pull::end : Pull::error, {}};
  }
  reason_ = "the upstream reset the connection";
  return {Pull::error, {}};
}

uint64_t ClientConnection::passable() const {
  bool plain = decoder_.framing() == Framing::length && inbox_.empty() && stream_->pipes();
  return plain ? decoder_.left() : 0;
}

Pull ClientConnection::pass(net::Pipe& into, uint64_t at_most) {
  net::Io io = stream_->fill(into, std::min(at_most, decoder_.left()));
  if (io.state != net::IoState::ok) return no_more(io.state).state;
  received_ += io.bytes;
  decoder_.skip(io.bytes);
  if (decoder_.done()) stream_->stirred(true);  // unlike read(), fill() does not see the end
  return decoder_.done() ? Pull::end : Pull::data;
}

}  // namespace pylon::http::h1
