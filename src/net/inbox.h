// Inbox: octets received from a stream and not used yet.
//
// Usually they lie in the thread's ReadBuffer; only what must wait is copied into memory of the
// connection's own, of about the size needed. Views are valid until the next fill() of any inbox on
// the thread, the end of the turn, or stash(). Belongs to one loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "net/read_buffer.h"
#include "net/stream.h"

namespace pylon::net {

class Inbox final : private ReadBuffer::Borrower {
 public:
  Inbox() = default;
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;
  ~Inbox();

  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {at_, size_}; }
  char* data() { return at_; }  // decoders compact in place
  void consume(size_t octets);
  void clear() { consume(size_); }
  // Gives memory of its own back once it is empty. Views into it end here, or at the next fill().
  void trim() {
    if (size_ == 0 && owned_ != nullptr) release_owned();
  }

  // Reads once from the stream, behind what is there. `room`: at most so many octets more.
  Io fill(Stream& stream, size_t room = ReadBuffer::kBytes);
  // Octets that were read by somebody else, in front of what will be. Only while it is empty.
  void put(std::string_view octets);
  // Makes what is there independent of the thread's buffer.
  void stash() override;

 private:
  Io fill_behind(Stream& stream, size_t room);
  void borrow(std::span<char> lent);
  void give_back();
  void reserve(size_t more);
  void release_owned();

  char* at_ = nullptr;
  char* owned_ = nullptr;  // null: the octets lie in the thread's buffer, or are lent
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
  uint8_t place_ = 0;  // among those whom octets are lent; 0: no
};

}  // namespace pylon::net
