#include "http/h2/client_connection.h"

#include <algorithm>

#include "http/h1/message.h"
#include "http/h2/lines.h"

namespace pylon::http::h2 {
namespace {

constexpr size_t kMaxHeads = 32;        // interim answers that wait to be read
constexpr size_t kMaxLines = 64 << 10;  // octets of one head, and of all that wait
constexpr uint64_t kAlivePing = 0x7079'6c6f'6e00'0002;
constexpr uint32_t kSpareNumbers = 1000;
constexpr int kReadsPerTurn = 4;
constexpr int64_t kSilenceUs = 1'000'000;      // a peer that is heard of less may be gone
constexpr uint32_t kLargeWindow = 64 << 10;    // of the first octets, where large answers come
constexpr uint32_t kWidestWindow = 256 << 10;  // of a stream

ClientStream& own(Stream& stream) { return static_cast<ClientStream&>(stream); }

}  // namespace

// ---- ClientStream: what comes

void ClientStream::take_field(const FieldLine& line) {
  if (head_came) return trailer_lines_.field(line, h1::HeadLimits{});
  if (malformed_ != nullptr) return;
  if (line.name == ":status" && !regular_ && block_.status == 0 && line.value.size() == 3) {
    std::optional<int64_t> status = parse_int(line.value);
    if (status && *status >= 100 && *status <= 999) {
      block_.status = static_cast<int>(*status);
      return;
    }
  }
  regular_ = true;
  malformed_ = line.name.starts_with(':') ? "a wrong pseudo-header field"
                                          : fault_of(line, field_id(line.name));
  if (block_.lines.size() + listed_octets(line) > kMaxLines) malformed_ = "the head is too large";
  if (malformed_ != nullptr) return;
  block_.lines.append(line.name).append(": ").append(line.value).append("\r\n");
}

const char* ClientStream::take_head() {
  received_ += 9 + block_.lines.size();
  if (head_came) {
    const char* wrong = trailer_lines_.finish();
    return wrong != nullptr ? wrong : take_data(0);
  }
  if (malformed_ == nullptr && block_.status == 0) malformed_ = "no :status";
  if (malformed_ == nullptr && block_.status == 101) malformed_ = "101 in HTTP/2";
  bool interim = block_.status < 200;
  if (malformed_ == nullptr && interim && remote_ended) malformed_ = "nothing but 1xx";
  held_lines_ += interim ? block_.lines.size() : 0;
  if (malformed_ == nullptr && (heads_.size() >= kMaxHeads || held_lines_ > kMaxLines)) {
    malformed_ = "too many 1xx";
  }
  if (malformed_ != nullptr) {
    reason_ = malformed_;
    return malformed_;
  }
  head_came = !interim;
  heads_.push_back(std::exchange(block_, {}));
  regular_ = false;
  return nullptr;
}

const char* ClientStream::take_data(size_t octets) {
  received_ += octets;
  body_octets_ += octets;
  return nullptr;
}

void ClientStream::wake() {
  if (waker_ != nullptr) waker_->wake();
}

// ---- ClientStream: UpstreamSide

void ClientStream::end() {
  waker_ = nullptr;
  if (open) {
    connection_.send_reset(*this, ErrorCode::cancel);
    connection_.given_up(opened_us_);
  }
  connection_.windows().give_back(lent_);
  connection_.ended(*this);
}

bool ClientStream::connecting() const { return connection_.connecting() && !connection_.broken(); }
bool ClientStream::broken() const { return !open && id == 0 && connection_.broken(); }
int ClientStream::error() const { return connection_.error(); }

Push ClientStream::send_head(const OutgoingHead& head, h1::Framing, std::string_view octets,
                             bool end) {
  if (connection_.broken()) return Push::error;
  connection_.open(*this);
  opened_us_ = connection_.loop().now_us();
  size_t before = connection_.waiting_octets();
  std::vector<FieldLine> lines;
  lines.reserve(head.http2.size());
  for (const RequestLine& line : head.http2) lines.push_back({line.name, line.value});
  connection_.send_head(*this, lines, end && octets.empty());
  if (connection_.expects_large_answer() && room_ > window) {
    (void)connection_.open_window(*this, borrow(std::min<size_t>(kLargeWindow, room_) - window));
  }
  sent_ += connection_.waiting_octets() - before;
  if (octets.empty()) return after_push();
  return push(octets, end);
}

Push ClientStream::push(std::string_view octets, bool end) {
  if (!open) return remote_ended && !reset ? Push::done : Push::error;
  sent_ += octets.size();
  if (!octets.empty() || end) connection_.send_data(*this, octets, end);
  return after_push();
}

Push ClientStream::push_trailers(std::string_view lines) {
  if (!open) return Push::error;
  sent_ += lines.size();
  connection_.send_trailers(*this, lines);
  return after_push();
}

Push ClientStream::after_push() {
  connection_.on_output();
  return blocked() ? Push::blocked : Push::done;
}

Push ClientStream::flush() {
  if (!open) return reset ? Push::error : Push::done;
  connection_.send_pending(*this);
  connection_.on_output();
  if (!blocked()) return Push::done;
  if (!connection_.window_closed(*this)) connection_.make_wait(*this);
  return Push::blocked;
}

bool ClientStream::blocked() const {
  return open && !local_ended && (!pending.empty() || connection_.send_room(*this) == 0);
}

ReadHead ClientStream::malformed(const char* why) {
  reason_ = why;
  return ReadHead::malformed;
}

ReadHead ClientStream::read_head(const h1::HeadLimits&, Method asked, Response& response) {
  if (heads_.empty()) {
    if (malformed_ != nullptr) return ReadHead::malformed;
    if (open || id == 0) return connection_.broken() ? ReadHead::closed : ReadHead::again;
    return ReadHead::closed;
  }
  Head head = std::move(heads_.front());
  heads_.pop_front();
  if (head.status < 200) held_lines_ -= head.lines.size();
  response.fields.clear();
  response.status = head.status;
  response.reason = {};
  response.content_length = -1;
  each_line(head.lines, [&](std::string_view name, std::string_view value) {
    add_copy(response.fields, field_id(name), {name, value});
  });
  if (head.status < 200 || !response.fields.has(FieldId::content_length)) return ReadHead::complete;
  if (response.fields.repeated(FieldId::content_length)) return malformed("several Content-Length");
  std::optional<int64_t> length = parse_int(response.fields.get(FieldId::content_length));
  if (!length || *length < 0) return malformed("invalid Content-Length");
  bool bodiless = asked == Method::head || head.status == 204 || head.status == 304;
  if (!bodiless) announced_ = *length;
  if (head.status != 204) response.content_length = *length;
  return ReadHead::complete;
}

// Who emptied a whole window and has room for another may have a wider one.
uint32_t ClientStream::growth() {
  if (taken_ < window) return 0;
  taken_ = 0;
  connection_.saw_large_answer();
  return room_ < window ? 0 : borrow(std::min(window, kWidestWindow - window));
}

uint32_t ClientStream::borrow(size_t octets) {
  uint32_t more = connection_.windows().lend(static_cast<uint32_t>(octets));
  lent_ += more;
  return more;
}

// Who pulls has dealt with what was pulled before: only now may more of it come.
Chunk ClientStream::pull() {
  if (reset && !remote_ended) return {Pull::error, {}};
  if (open && connection_.open_window(*this, growth())) connection_.on_output();
  connection_.take_body(*this, held_);
  taken_ += static_cast<uint32_t>(held_.size());
  if (held_.empty() && !remote_ended) {
    held_.release();
    return {Pull::again, {}};
  }
  bool wrong =
      announced_ >= 0 && (body_octets_ > static_cast<uint64_t>(announced_) ||
                          (remote_ended && body_octets_ != static_cast<uint64_t>(announced_)));
  if (wrong) {
    reason_ = "the body is not as long as Content-Length says";
    return {Pull::error, {}};
  }
  return {remote_ended ? Pull::end : Pull::data, held_.view()};
}

// ---- ClientConnection

ClientConnection::ClientConnection(net::Loop& loop, std::unique_ptr<net::Stream> stream,
                                   Shared& shared, const Terms& terms)
    : Session(Role::client, kGrants, shared.nuisances),
      loop_(loop),
      stream_(std::move(stream)),
      waker_(loop, &ClientConnection::on_event, this),
      terms_(terms),
      shared_(shared),
      since_us_(loop.now_us()) {
  stream_->set_waker(&waker_);
  stream_->receive_ahead();
  begin();
  on_output();
}

ClientConnection::~ClientConnection() = default;

bool ClientConnection::has_room() const {
  return !leaving_ && !lost_ && !closed_ && !failed() && !stream_->broken() &&
         live_.size() < allowed_streams() && streams_left() > kSpareNumbers &&
         !(unanswered() && loop_.now_us() > pinged_us_ + kSilenceUs);
}

ClientStream& ClientConnection::add() {
  exchanges_++;
  auto* stream = new ClientStream(*this);
  live_.push_back(*stream);
  if (live_.size() == 1) since_us_ = loop_.now_us();
  return *stream;
}

void ClientConnection::open(ClientStream& stream) {
  stream.id = next_own_stream();
  add_stream(stream);
}

void ClientConnection::ended(ClientStream& stream) {
  stream.ListHook<Stream>::leave();
  stream.ListHook<ClientStream>::leave();
  loop_.retire(&stream);
  if (live_.empty()) since_us_ = loop_.now_us();
  on_output();
}

// The node may be gone without a word. Those who come later get another connection, as they would
// with HTTP/1; whoever waits here may go on waiting.
void ClientConnection::given_up(int64_t opened_us) {
  if (heard_us_ < opened_us && loop_.now_us() >= opened_us + kSilenceUs) leaving_ = true;
}

void ClientConnection::on_event(void* self) {
  auto& connection = *static_cast<ClientConnection*>(self);
  if (connection.closed_ || connection.lost_) return;
  if (connection.waker_.timed_out()) connection.on_timeout();
  if (!connection.closed_) connection.advance();
}

// When something has to be done about its idleness, or the peer's silence.
int64_t ClientConnection::due_us() const {
  if (live_.empty()) return since_us_ + terms_.idle_timeout_us;
  const PingTerms& pings = shared_.pings;
  if (pings.after_us == 0) return net::Timer::kNever;
  if (unanswered()) return pinged_us_ + pings.patience_us;
  int64_t next_us = std::max(heard_us_, since_us_) + pings.after_us;
  bool only_pings = pinged_us_ != 0 && pinged_us_ > said_us_;
  return only_pings ? std::max(next_us, pinged_us_ + pings.apart_us) : next_us;
}

void ClientConnection::on_timeout() {
  if (connecting() || loop_.now_us() < due_us()) return;
  if (live_.empty()) return close();
  auto kind = static_cast<size_t>(Nuisance::silence);
  if (unanswered()) {
    shared_.nuisances.ended[kind]++;
    return lose();
  }
  shared_.nuisances.seen[kind]++;
  pinged_us_ = loop_.now_us();
  send_ping(kAlivePing, false);
}

void ClientConnection::advance() {
  if (connecting()) return;
  if (!write_out() || !read()) return lose();
  wake_streams();
  settle();
}

bool ClientConnection::read() {
  for (int reads = 0; !failed(); reads++) {
    if (!inbox_.empty()) inbox_.consume(take(inbox_.view()));
    if (reads == kReadsPerTurn || failed() || !stream_->can_read()) break;
    net::Io io = inbox_.fill(*stream_);
    if (io.state == net::IoState::again) break;
    if (io.state != net::IoState::ok) return false;
    heard_us_ = loop_.now_us();
  }
  if (stream_->can_read()) waker_.arm(loop_.now_us());
  on_output();
  return !stream_->broken();
}

// Those who wait for the connection itself, those to whom something happened, and those who want
// to send.
void ClientConnection::wake_streams() {
  if (in_wake_) return;
  in_wake_ = true;
  for (ClientStream* each = live_.front(); each != nullptr; each = live_.next(*each)) {
    if (each->id == 0 && !each->ListHook<Stream>::in_list()) due_.push_back(*each);
  }
  while (Stream* stream = due_.front()) {
    stream->ListHook<Stream>::leave();
    own(*stream).wake();
  }
  for (size_t left = waiting_.size(); left > 0 && may_send() && !waiting_.empty(); left--) {
    Stream* stream = waiting_.front();
    stream->ListHook<Stream>::leave();
    own(*stream).wake();
  }
  in_wake_ = false;
}

void ClientConnection::at_turn_end() {
  if (closed_ || connecting()) return;
  if (!lost_) {
    if (!write_out()) return lose();
    if (!waiting_.empty() && output().size() <= kOutputHigh / 2 && may_send()) {
      wake_streams();
      on_output();
    }
  }
  settle();
}

bool ClientConnection::write_out() {
  if (lost_) return false;
  while (!output().empty()) {
    net::Io io = stream_->write(output().view().data(), output().size());
    if (io.state == net::IoState::again) break;
    if (io.state != net::IoState::ok) return false;
    output().consume(io.bytes);
  }
  if (output().empty()) output_left();
  return true;
}

void ClientConnection::on_field(Stream& stream, const FieldLine& line) {
  own(stream).take_field(line);
}

const char* ClientConnection::on_head(Stream& stream) {
  said_us_ = heard_us_;
  due_.push_back(stream);
  return own(stream).take_head();
}

const char* ClientConnection::on_data(Stream& stream, size_t octets) {
  said_us_ = heard_us_;
  due_.push_back(stream);
  return own(stream).take_data(octets);
}

void ClientConnection::on_reset(Stream& stream) {
  if (stream.reset_code == ErrorCode::refused_stream) own(stream).set_unprocessed();
  due_.push_back(stream);
}

// Streams above the last one were not processed: they may be tried elsewhere.
void ClientConnection::on_goaway(uint32_t last_stream, ErrorCode) {
  leaving_ = true;
  std::vector<Stream*> open_streams = streams();
  for (Stream* stream : open_streams) {
    if (stream->id <= last_stream) continue;
    close_stream(*stream, false);
    own(*stream).set_unprocessed();
    due_.push_back(*stream);
  }
}

void ClientConnection::lose() {
  if (lost_ || closed_) return;
  lost_ = true;
  waker_.disarm();
  std::vector<Stream*> open_streams = streams();
  for (Stream* stream : open_streams) {
    close_stream(*stream, false);
    due_.push_back(*stream);
  }
  wake_streams();
  settle();
}

void ClientConnection::settle() {
  if (closed_) return;
  if (failed() && !lost_) {
    write_out();  // our GOAWAY
    return lose();
  }
  if (live_.empty() && (lost_ || leaving_)) return close();
  if (!lost_ && !stream_->can_read()) waker_.arm(due_us());  // else it is armed to read on
}

void ClientConnection::close() {
  if (closed_) return;
  closed_ = true;
  ListHook<ClientConnection>::leave();
  waker_.disarm();
  stream_->set_waker(nullptr);
  stream_->close(false);
  loop_.retire(this);
}

}  // namespace pylon::http::h2
