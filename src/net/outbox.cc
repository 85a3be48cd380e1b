#include "net/outbox.h"

#include <cstdlib>
#include <cstring>
#include <new>

namespace pylon::net {
namespace {

size_t total_of(const iovec* parts, int count) {
  size_t total = 0;
  for (int i = 0; i < count; i++) total += parts[i].iov_len;
  return total;
}

}  // namespace

Outbox::~Outbox() { std::free(octets_); }

IoState Outbox::send(Stream& stream, const iovec* parts, int count, bool last) {
  size_t total = total_of(parts, count);
  if (total == 0) return empty() ? IoState::ok : flush(stream);
  size_t sent = 0;
  if (empty()) {
    Io io = last ? stream.write_last(parts, count) : stream.write(parts, count);
    if (io.state == IoState::error) return io.state;
    sent = io.bytes;
    sent_bytes_ += sent;
    if (sent == total) return IoState::ok;
  }
  keep(parts, count, sent);
  // The socket may have taken a part only because it was full for a moment: ask for an event.
  return flush(stream);
}

IoState Outbox::send(Stream& stream, PipeLease pipe) {
  pipe_ = std::move(pipe);
  return drain(stream);
}

IoState Outbox::drain(Stream& stream) {
  while (pipe_->size() != 0) {
    Io io = stream.drain(*pipe_);
    if (io.state != IoState::ok) return io.state;
    sent_bytes_ += io.bytes;
  }
  pipe_.reset();
  return IoState::ok;
}

IoState Outbox::flush(Stream& stream) {
  if (pipe_ != nullptr) {
    if (IoState state = drain(stream); state != IoState::ok) return state;
  }
  while (size_ != 0) {
    Io io = stream.write(octets_ + at_, size_);
    if (io.state != IoState::ok) return io.state;
    at_ += static_cast<uint32_t>(io.bytes);
    size_ -= static_cast<uint32_t>(io.bytes);
    sent_bytes_ += io.bytes;
  }
  std::free(octets_);
  octets_ = nullptr;
  at_ = 0;
  return IoState::ok;
}

void Outbox::keep(const iovec* parts, int count, size_t skip) {
  size_t more = total_of(parts, count) - skip;
  char* bigger = static_cast<char*>(std::malloc(size_ + more));
  if (bigger == nullptr) throw std::bad_alloc();
  if (size_ != 0) std::memcpy(bigger, octets_ + at_, size_);
  std::free(octets_);
  octets_ = bigger;
  at_ = 0;
  for (int i = 0; i < count; i++) {
    size_t length = parts[i].iov_len;
    if (skip >= length) {
      skip -= length;
      continue;
    }
    std::memcpy(octets_ + size_, static_cast<const char*>(parts[i].iov_base) + skip, length - skip);
    size_ += static_cast<uint32_t>(length - skip);
    skip = 0;
  }
}

}  // namespace pylon::net
