#include "net/memory_stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "net/waker.h"

namespace pylon::net {

std::pair<std::unique_ptr<MemoryStream>, std::unique_ptr<MemoryStream>> MemoryStream::pair(
    size_t room) {
  auto one = std::make_shared<Pipe>();
  auto other = std::make_shared<Pipe>();
  one->room = other->room = room;
  return {std::unique_ptr<MemoryStream>(new MemoryStream(one, other)),
          std::unique_ptr<MemoryStream>(new MemoryStream(other, one))};
}

Io MemoryStream::read(char* into, size_t size) {
  if (broken_) return {IoState::error};
  if (in_->octets.empty()) {
    can_read_ = false;
    if (in_->reset) {
      broken_ = true;
      error_ = ECONNRESET;
      return {IoState::error};
    }
    return {in_->ended ? IoState::end : IoState::again};
  }
  size_t take = std::min(size, in_->octets.size());
  std::memcpy(into, in_->octets.data(), take);
  in_->octets.erase(0, take);
  return {IoState::ok, take};
}

Io MemoryStream::write(const iovec* parts, int count) {
  if (broken_ || in_->reset) {
    broken_ = true;
    return {IoState::error};
  }
  size_t written = 0;
  for (int i = 0; i < count; i++) {
    size_t take = std::min(parts[i].iov_len, out_->room - out_->octets.size());
    out_->octets.append(static_cast<const char*>(parts[i].iov_base), take);
    written += take;
    if (take < parts[i].iov_len) break;
  }
  if (written == 0) {
    can_write_ = false;
    return {IoState::again};
  }
  return {IoState::ok, written};
}

void MemoryStream::shutdown_write() { out_->ended = true; }

void MemoryStream::close(bool reset) {
  closed_ = broken_ = true;
  can_read_ = can_write_ = false;
  out_->ended = true;
  if (reset) out_->reset = true;
}

bool MemoryStream::readable() const { return !in_->octets.empty() || in_->ended || in_->reset; }

bool MemoryStream::stirred(bool thorough) {
  if (thorough && !closed_) can_read_ = readable();
  return can_read_;
}

bool MemoryStream::pump() {
  if (closed_) return false;
  bool readable = this->readable();
  bool writable = out_->octets.size() < out_->room;
  bool news = (readable && !can_read_) || (writable && !can_write_);
  can_read_ = readable;
  can_write_ = writable;
  peer_ended_ = in_->ended;
  if (news && waker_ != nullptr) waker_->wake();
  return news;
}

}  // namespace pylon::net
