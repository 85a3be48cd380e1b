#include "tls/handshake.h"

#include <utility>

namespace pylon::tls {

Handshake::Handshake(Handshakes& all, ServerContext& context, std::unique_ptr<net::Stream> inner)
    : all_(all),
      context_(context),
      inner_(std::move(inner)),
      waker_(all.loop_, &Handshake::on_event, this) {
  all_.silent_.push_back(*this);
  inner_->set_waker(&waker_);
  waker_.arm(all_.loop_.now_us() + all_.limits_.timeout_us);
}

Handshake::~Handshake() = default;

void Handshake::on_event(void* self) {
  auto& handshake = *static_cast<Handshake*>(self);
  if (handshake.state_ == State::over) return;
  if (handshake.waker_.timed_out()) return handshake.close();
  handshake.look();
}

void Handshake::look() {
  if (state_ == State::under_way) return go_on();
  if (inner_->broken()) return close();
  if (state_ != State::silent || !inner_->can_read()) return;
  state_ = State::waiting;
  all_.waiting_.push_back(*this);
  all_.admit();
}

void Handshake::begin() {
  state_ = State::under_way;
  began_us_ = all_.loop_.now_us();
  all_.under_way_.push_back(*this);
  stream_ = std::make_unique<Stream>(all_.loop_, std::move(inner_), context_.open(), Side::server);
  stream_->set_waker(&waker_);
  stream_->advance();
  go_on();
}

// The client has sent something that was not looked at yet.
bool Handshake::has_answer() const { return stream_->can_go_on(); }

void Handshake::go_on() {
  if (stream_->connecting()) return;
  if (stream_->broken()) return close();
  std::unique_ptr<Stream> stream = std::move(stream_);
  finish();
  established(std::move(stream));
}

void Handshake::close() {
  if (state_ == State::over) return;
  failed(stream_.get());
  if (stream_ != nullptr) stream_->close(false);
  if (inner_ != nullptr) inner_->close(false);
  finish();
}

void Handshake::finish() {
  bool had_place = std::exchange(state_, State::over) == State::under_way;
  leave();
  waker_.disarm();
  all_.loop_.retire(this);
  if (had_place) all_.admit();
}

// ---- all of them

// Takes in who waits, as far as there are places.
void Handshakes::admit() {
  if (admitting_) return;  // one that came to an end at once: the loop below goes on
  admitting_ = true;
  while (!waiting_.empty() && make_room()) {
    (crowded() ? waiting_.back() : waiting_.front())->begin();
  }
  admitting_ = false;
  if (waiting_.empty()) return turn_.disarm();
  turn_.arm(under_way_.front()->began_us_ + patience_us());
}

bool Handshakes::make_room() {
  int64_t now_us = loop_.now_us();
  while (under_way_.size() >= limits_.under_way) {
    Handshake& oldest = *under_way_.front();
    if (now_us < oldest.began_us_ + patience_us()) return false;
    if (!oldest.has_answer()) {
      oldest.close();
      continue;
    }
    oldest.began_us_ = now_us;  // it is we who are slow
    oldest.leave();
    under_way_.push_back(oldest);
  }
  return true;
}

// The kernel is asked once more: something may have come since the last events.
void Handshakes::close_silent() {
  for (size_t left = silent_.size(); left > 0 && !silent_.empty(); left--) {
    Handshake& each = *silent_.front();
    silent_.push_back(each);
    each.inner_->stirred(true) ? each.look() : each.close();
  }
}

bool Handshakes::shed_silent() {
  for (size_t left = silent_.size(); left > 0 && !silent_.empty(); left--) {
    Handshake& oldest = *silent_.front();
    if (!oldest.inner_->stirred(true)) {
      oldest.close();
      return true;
    }
    oldest.look();  // something has come just now
  }
  return false;
}

void Handshakes::close_all() {
  for (auto* list : {&waiting_, &silent_, &under_way_}) {
    while (!list->empty()) list->front()->close();
  }
}

}  // namespace pylon::tls
