// Outbox: writes to a stream, and keeps what the stream would not take.
//
// send() writes at once; only a remainder is copied, or stays in its pipe. Callers stop sending
// while it is not empty, so it never holds more than one call's octets. Belongs to one loop.
#pragma once

#include <cstdint>

#include "net/pipe.h"
#include "net/stream.h"

namespace pylon::net {

class Outbox {
 public:
  Outbox() = default;
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;
  ~Outbox();

  // ok: the stream has taken all. again: a remainder waits. error: the stream is broken.
  // `last`: the end mark or close() follows at once.
  IoState send(Stream& stream, const iovec* parts, int count, bool last = false);
  // The octets of a pipe, to a stream that has pipes(). Only while empty().
  IoState send(Stream& stream, PipeLease pipe);
  IoState flush(Stream& stream);

  bool empty() const { return size_ == 0 && pipe_ == nullptr; }
  size_t size() const { return size_ + (pipe_ == nullptr ? 0 : pipe_->size()); }
  uint64_t sent_bytes() const { return sent_bytes_; }  // given to the stream so far

 private:
  IoState drain(Stream& stream);
  void keep(const iovec* parts, int count, size_t skip);

  char* octets_ = nullptr;
  uint32_t at_ = 0;
  uint32_t size_ = 0;  // waiting, from at_
  uint64_t sent_bytes_ = 0;
  PipeLease pipe_;  // with octets that leave before any others
};

}  // namespace pylon::net
