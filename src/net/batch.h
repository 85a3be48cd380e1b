// Batch: the system calls of one turn of the loop, kept apart from its work.
//
// A turn with several events first receives for every stream that has something, then works, then
// sends what was said meanwhile. One request at a time, the kernel's way through its network stack
// and ours through a request push each other out of the processor's caches; apart, both cost less
// (ARCHITECTURE.md has the figures). Only short messages take part: a long one is sent at once,
// and a stream that brought a long one is read when somebody asks.
//
// One per loop, with at most kStreams streams and kArrivalBytes + kDepartureBytes of memory, taken
// when the first turn with several events comes. Belongs to the loop's thread.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace pylon::net {

class TcpStream;

class Batch {
 public:
  static constexpr int kStreams = 64;          // a turn has no more events than that
  static constexpr size_t kLongestIn = 4096;   // received ahead for one stream
  static constexpr size_t kLongestOut = 2048;  // of a message that waits for the turn's end
  static constexpr size_t kArrivalBytes = 128 << 10;
  static constexpr size_t kDepartureBytes = 128 << 10;

  Batch() = default;
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // From here to close() messages wait.
  void open();
  bool is_open() const { return open_; }

  // Memory for what one stream is sent, kLongestIn octets, or null when there is no more; and what
  // came there. It stays until close(), for whoever has borrowed it too (net/read_buffer.h).
  char* room() const;
  void arrived(TcpStream& stream, size_t octets);
  // Keeps a message, to be sent before close() returns. Its size, or 0 when there is no place for
  // it. Only while open.
  size_t take(TcpStream& stream, const iovec* parts, int count);
  // Sends what waits for this stream, now.
  void send(TcpStream& stream);
  // Sends all that waits. Streams that nobody read from keep what arrived for them.
  void close();

 private:
  void settle();

  struct Departure {
    TcpStream* stream;  // null: sent already
    std::string_view octets;
  };

  bool open_ = false;
  int arrivals_count_ = 0;
  int departures_count_ = 0;
  size_t in_bytes_ = 0;
  size_t out_bytes_ = 0;
  std::unique_ptr<char[]> in_;
  std::unique_ptr<char[]> out_;
  TcpStream* arrivals_[kStreams];
  Departure departures_[kStreams];
};

}  // namespace pylon::net
