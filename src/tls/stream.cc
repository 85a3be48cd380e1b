#include "tls/stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "observe/log.h"
#include "tls/scratch.h"

namespace pylon::tls {

using net::Io;
using net::IoState;

namespace {

// A record in the making may leave more plain octets than were asked for: read no less than this.
constexpr size_t kLeastRead = Scratch::kRecordBytes + 512;
// A peer that makes us answer (key updates) and does not read is not served on.
constexpr size_t kMostUnsent = 512 << 10;

}  // namespace

// ---- octets that wait

void Stream::Rest::keep(const char* from, size_t count) {
  if (count == 0) return;
  auto bigger = std::make_unique_for_overwrite<char[]>(size + count);
  if (size != 0) std::memcpy(bigger.get(), octets.get() + at, size);
  std::memcpy(bigger.get() + size, from, count);
  octets = std::move(bigger);
  at = 0;
  size += static_cast<uint32_t>(count);
}

size_t Stream::Rest::take(char* into, size_t most) {
  size_t count = std::min<size_t>(size, most);
  if (count == 0) return 0;
  std::memcpy(into, octets.get() + at, count);
  drop(count);
  return count;
}

void Stream::Rest::drop(size_t count) {
  at += static_cast<uint32_t>(count);
  size -= static_cast<uint32_t>(count);
  if (size != 0) return;
  octets.reset();
  at = 0;
}

// ---- life

Stream::Stream(net::Loop& loop, std::unique_ptr<net::Stream> inner, SslPtr ssl, Side side)
    : inner_(std::move(inner)),
      ssl_(std::move(ssl)),
      inner_waker_(loop, &Stream::on_inner, this),
      side_(side) {
  connecting_ = true;
  can_write_ = false;
  BIO* bio = new_scratch_bio();
  SSL_set_bio(ssl_.get(), bio, bio);
  if (side == Side::client) {
    SSL_set_connect_state(ssl_.get());
  } else {
    SSL_set_accept_state(ssl_.get());
    secrets_ = std::make_unique<TrafficSecrets>();
    secrets_->belong_to(ssl_.get());
  }
  inner_->set_waker(&inner_waker_);
}

Stream::~Stream() { close(false); }

void Stream::on_inner(void* self) {
  auto& stream = *static_cast<Stream*>(self);
  bool was_connecting = stream.connecting_;
  stream.progress();
  if (was_connecting && stream.connecting_) return;  // nothing that anybody waits for
  if (stream.waker_ != nullptr) stream.waker_->wake();
}

// After an event below.
void Stream::progress() {
  if (broken_) return;
  if (connecting_) return advance();
  if (inner_->broken()) return fail_below();
  if (unsent_.size != 0 && !flush()) return;
  settle_flags();
}

void Stream::settle_flags() {
  can_write_ = unsent_.size == 0 && inner_->can_write();
  can_read_ = inner_->can_read() || holds_input();
  if (inner_->peer_ended()) peer_ended_ = true;
}

// Whether read() finds something without the stream below.
bool Stream::holds_input() const {
  if (end_told_) return true;
  if (records_ == nullptr) return unread_.size != 0 || SSL_pending(ssl_.get()) != 0;
  return opened_.size != 0 || Records::starts_whole(unread_.view());
}

// ---- handshake

void Stream::advance() {
  if (!connecting_ || inner_->connecting()) return;
  if (inner_->broken()) return fail_below();
  if (unsent_.size != 0 && !flush()) return;
  for (;;) {
    forget_errors();
    Flow flow = judge(SSL_do_handshake(ssl_.get()));
    if (flow == Flow::wants_room) forget_secrets();  // no telling what goes with which key
    Scratch& scratch = Scratch::of_thread();
    uint64_t sealed = Records::count({scratch.out, scratch.out_size});
    bool sent = send_out();
    if (flow == Flow::failed) return fail();
    if (!sent) return fail_below();
    if (flow == Flow::ok) {
      stash_feed();
      connecting_ = false;
      agreed_ = Agreed::in(ssl_.get());
      take_over(sealed);
      return settle_flags();
    }
    if (flow == Flow::wants_room) {
      if (unsent_.size == 0) continue;
      return stash_feed();
    }
    Io io = receive(kLeastRead);
    if (io.state == IoState::again) return;
    if (io.state != IoState::ok) return fail_below();
  }
}

void Stream::forget_secrets() {
  if (side_ == Side::server) SSL_set_app_data(ssl_.get(), nullptr);
  secrets_.reset();
}

// What the last step of a server's handshake sends is tickets only: `sealed` records.
void Stream::take_over(uint64_t sealed) {
  if (secrets_ == nullptr) return;
  records_ = Records::take_over(ssl_.get(), *secrets_, sealed);
  forget_secrets();
  if (records_ == nullptr) return;
  SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);  // the session is good
  ssl_.reset();
}

// ---- between the stream below and OpenSSL

Stream::Flow Stream::judge(int result) {
  if (result > 0) return Flow::ok;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Flow::wants_input;
    case SSL_ERROR_WANT_WRITE:
      return Flow::wants_room;
    case SSL_ERROR_ZERO_RETURN:
      return Flow::ended;
    default:
      return Flow::failed;
  }
}

// Lays the next octets into the feed, behind the part of a record that may stand there.
Io Stream::receive(size_t room) {
  Scratch& scratch = Scratch::of_thread();
  if (unread_.size != 0) {
    scratch.feed = scratch.in;
    scratch.feed_size = unread_.take(scratch.in, Scratch::kInBytes);
    return {IoState::ok, scratch.feed_size};
  }
  if (!inner_->can_read()) return {inner_->broken() ? IoState::error : IoState::again};
  size_t held = scratch.feed_size;
  if (held != 0) std::memmove(scratch.in, scratch.feed, held);
  scratch.feed = scratch.in;
  size_t limit = std::min(Scratch::kInBytes - held, std::max(room, kLeastRead));
  Io io = inner_->read(scratch.in + held, limit);
  if (io.state == IoState::ok) scratch.feed_size += io.bytes;
  return io;
}

// The feed goes on to others now.
void Stream::stash_feed() {
  Scratch& scratch = Scratch::of_thread();
  if (scratch.feed_size == 0) return;
  Rest behind = std::move(unread_);
  unread_ = {};
  unread_.keep(scratch.feed, scratch.feed_size);
  if (behind.size != 0) unread_.keep(behind.octets.get() + behind.at, behind.size);
  scratch.feed_size = 0;
}

// Passes on what OpenSSL wrote. False: the stream below is broken.
bool Stream::send_out() {
  Scratch& scratch = Scratch::of_thread();
  size_t size = std::exchange(scratch.out_size, 0);
  if (size == 0) return true;
  size_t taken = 0;
  if (unsent_.size == 0) {
    Io io = inner_->write(scratch.out, size);
    if (io.state == IoState::error) return false;
    taken = io.bytes;
    sent_ += taken;
  }
  if (taken == size) return true;
  unsent_.keep(scratch.out + taken, size - taken);
  if (unsent_.size > kMostUnsent) return false;
  return flush() || !broken_;
}

// True: nothing waits any more. Otherwise an event will tell, or the stream is broken.
bool Stream::flush() {
  while (unsent_.size != 0) {
    Io io = inner_->write(unsent_.octets.get() + unsent_.at, unsent_.size);
    if (io.state == IoState::error) {
      fail_below();
      return false;
    }
    if (io.state == IoState::again) {
      crowded_ = true;
      can_write_ = false;
      return false;
    }
    sent_ += io.bytes;
    unsent_.drop(io.bytes);
  }
  if (ending_) inner_->shutdown_write();
  return true;
}

// ---- reading

// Decrypts what is there into the caller's octets, with one read below at most.
Stream::Flow Stream::decrypt(char* into, size_t size, size_t& got, IoState& below) {
  Scratch& scratch = Scratch::of_thread();
  Flow flow = Flow::wants_input;
  for (;;) {
    if (scratch.feed_size != 0 || SSL_pending(ssl_.get()) != 0) {
      forget_errors();
      int result = SSL_read(ssl_.get(), into + got, static_cast<int>(size - got));
      flow = judge(result);
      if (flow == Flow::ok) got += static_cast<size_t>(result);
      bool more = scratch.feed_size != 0 || SSL_pending(ssl_.get()) != 0;
      if (flow == Flow::ok && got < size && more) continue;
      if (got != 0 || flow != Flow::wants_input) return flow;
    }
    below = receive(size).state;
    if (below != IoState::ok) return flow;
  }
}

// The same by Records.
Stream::Flow Stream::open_records(char* into, size_t size, size_t& got, IoState& below) {
  Scratch& scratch = Scratch::of_thread();
  got = opened_.take(into, size);
  while (got < size) {
    Records::Opened opened =
        records_->open(scratch.feed, scratch.feed_size, into + got, size - got);
    scratch.feed += opened.used;
    scratch.feed_size -= opened.used;
    if (opened.what == Records::What::failed) return Flow::failed;
    if (opened.what == Records::What::end) return Flow::ended;
    if (opened.what == Records::What::data) {
      size_t take = std::min(opened.plain.size(), size - got);
      if (opened.plain.data() != into + got) std::memcpy(into + got, opened.plain.data(), take);
      opened_.keep(opened.plain.data() + take, opened.plain.size() - take);
      got += take;
    }
    if (opened.what != Records::What::incomplete) continue;
    if (got != 0) break;
    below = receive(size).state;
    if (below != IoState::ok) return Flow::wants_input;
  }
  return Flow::ok;
}

Io Stream::read(char* into, size_t size) {
  if (broken_ || connecting_) return {broken_ ? IoState::error : IoState::again};
  if (end_told_) return {IoState::end};
  size_t got = 0;
  IoState below = IoState::ok;
  Flow flow =
      records_ != nullptr ? open_records(into, size, got, below) : decrypt(into, size, got, below);
  end_told_ = flow == Flow::ended;
  stash_feed();
  if (records_ != nullptr && !records_->renew_if_due()) flow = Flow::failed;
  bool sent = send_out();
  bool cut = below == IoState::end && side_ == Side::client;
  if (flow == Flow::failed) {
    fail();
  } else if (!sent || below == IoState::error || cut) {
    fail_below();
    if (cut) failure_ = "the peer closed without saying so";
  } else {
    settle_flags();
  }
  bool ended = flow == Flow::ended || below == IoState::end;
  if (ended) peer_ended_ = can_read_ = true;
  if (got != 0) return {IoState::ok, got};
  if (broken_) return {IoState::error};
  return {ended ? IoState::end : IoState::again};
}

bool Stream::stirred(bool thorough) {
  if (broken_) return true;
  if (!can_read_ && !inner_->stirred(thorough)) return false;
  if (records_ != nullptr) return true;
  // Tickets for later sessions may come at any time: they are no octets for us.
  char octet;
  Scratch& scratch = Scratch::of_thread();
  for (;;) {
    forget_errors();
    Flow flow = judge(SSL_peek(ssl_.get(), &octet, 1));
    if (flow != Flow::wants_input) break;
    Io io = receive(kLeastRead);
    if (io.state == IoState::again) {
      if (!send_out()) fail_below();
      if (!broken_) settle_flags();
      return broken_;
    }
    if (io.state != IoState::ok) break;
  }
  scratch.out_size = 0;
  stash_feed();
  return true;
}

// ---- writing

namespace {

// Walks over parts, octet by octet range.
class Cursor {
 public:
  Cursor(const iovec* parts, int count, size_t skip) : parts_(parts), count_(count) {
    advance(skip);
  }
  bool done() const { return index_ == count_; }

  // The next octets, at most `limit`: in place when one part has enough, else gathered.
  std::string_view next(char* gather, size_t limit) {
    size_t here = parts_[index_].iov_len - offset_;
    const char* from = static_cast<const char*>(parts_[index_].iov_base) + offset_;
    if (here >= limit || index_ + 1 == count_) {
      std::string_view piece(from, std::min(here, limit));
      advance(piece.size());
      return piece;
    }
    size_t size = 0;
    while (!done() && size < limit) {
      here = std::min(parts_[index_].iov_len - offset_, limit - size);
      std::memcpy(gather + size, static_cast<const char*>(parts_[index_].iov_base) + offset_, here);
      size += here;
      advance(here);
    }
    return {gather, size};
  }

 private:
  void advance(size_t octets) {
    offset_ += octets;
    while (index_ < count_ && offset_ >= parts_[index_].iov_len) {
      offset_ -= parts_[index_].iov_len;
      index_++;
    }
  }

  const iovec* parts_;
  int count_;
  int index_ = 0;
  size_t offset_ = 0;
};

}  // namespace

bool Stream::encrypt_piece(std::string_view piece) {
  if (records_ != nullptr) return records_->renew_if_due() && records_->seal(piece);
  forget_errors();
  auto size = static_cast<int>(piece.size());
  return SSL_write(ssl_.get(), piece.data(), size) == size;
}

// close_notify.
void Stream::encrypt_end() {
  if (records_ != nullptr) {
    records_->seal_end();
    return;
  }
  forget_errors();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

// Encrypts what follows the first `skip` octets into the thread's `out`. Returns how many.
size_t Stream::encrypt(const iovec* parts, int count, size_t skip, size_t budget, bool& failed) {
  Scratch& scratch = Scratch::of_thread();
  Cursor cursor(parts, count, skip);
  size_t done = 0;
  while (!cursor.done() && done < budget) {
    std::string_view piece = cursor.next(scratch.gather, Scratch::kRecordBytes);
    if (!encrypt_piece(piece)) {
      failed = true;
      break;
    }
    done += piece.size();
  }
  return done;
}

Io Stream::write(const iovec* parts, int count) {
  if (broken_ || connecting_) return {broken_ ? IoState::error : IoState::again};
  if (unsent_.size != 0 && !flush()) return {broken_ ? IoState::error : IoState::again};
  size_t taken = std::exchange(owed_, 0);
  bool failed = false;
  size_t budget = crowded_ ? Scratch::kRecordBytes : Scratch::kBatchBytes;
  size_t encrypted = encrypt(parts, count, taken, budget, failed);
  bool sent = send_out();
  if (failed) {
    fail();
    return {IoState::error};
  }
  if (!sent || broken_) {
    fail_below();
    return {IoState::error};
  }
  if (unsent_.size == 0) {
    taken += encrypted;
  } else {
    owed_ = static_cast<uint32_t>(encrypted);
  }
  if (taken == 0) return {IoState::again};
  return {IoState::ok, taken};
}

void Stream::shutdown_write() {
  if (broken_ || connecting_ || ending_) return;
  encrypt_end();
  ending_ = true;
  if (!send_out()) return fail_below();
  if (unsent_.size == 0) inner_->shutdown_write();
}

uint64_t Stream::acknowledged(uint64_t) const { return inner_->acknowledged(sent_); }

// ---- the end

void Stream::close(bool reset) {
  if (ssl_ != nullptr || records_ != nullptr) {
    bool sound = !reset && !connecting_ && !broken_;
    if (sound && !ending_ && unsent_.size == 0) {
      encrypt_end();
      send_out();  // as far as there is room
    }
  }
  // Otherwise OpenSSL would forget the session, which is as good as ever.
  if (ssl_ != nullptr && !connecting_) {
    SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }
  inner_->set_waker(nullptr);
  inner_->close(reset);
  broken_ = true;
  release();
}

void Stream::release() {
  ssl_.reset();
  secrets_.reset();
  records_.reset();
  unread_ = {};
  opened_ = {};
  unsent_ = {};
  can_read_ = can_write_ = connecting_ = false;
}

// OpenSSL says that something is wrong; what it wanted to tell the peer was sent.
void Stream::fail() {
  if (broken_) return;
  long verified = ssl_ != nullptr ? SSL_get_verify_result(ssl_.get()) : X509_V_OK;
  failure_ = records_ != nullptr ? records_->problem() : take_error();
  if (connecting_ && verified != X509_V_OK) {
    failure_ += ": ";
    failure_ += X509_verify_cert_error_string(verified);
  }
  if (connecting_ && side_ == Side::client) {
    observe::log(observe::Level::error, "TLS with a server: {}", failure_);
  }
  Scratch::of_thread().feed_size = 0;
  broken_ = true;
  error_ = EPROTO;
  connecting_ = can_write_ = false;
  can_read_ = true;
}

void Stream::fail_below() {
  if (broken_) return;
  Scratch::of_thread().feed_size = 0;
  broken_ = true;
  error_ = inner_->error() != 0 ? inner_->error() : ECONNRESET;
  connecting_ = can_write_ = false;
  can_read_ = true;
}

}  // namespace pylon::tls
