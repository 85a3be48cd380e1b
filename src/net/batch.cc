#include "net/batch.h"

#include <cstring>
#include <utility>

#include "net/read_buffer.h"
#include "net/tcp_stream.h"

namespace pylon::net {
namespace {

constexpr size_t kLine = 64;  // of the caches: messages of different streams share none

size_t whole_lines(size_t octets) { return (octets + kLine - 1) / kLine * kLine; }

size_t total_of(const iovec* parts, int count) {
  size_t total = 0;
  for (int i = 0; i < count; i++) total += parts[i].iov_len;
  return total;
}

}  // namespace

void Batch::open() {
  if (in_ == nullptr) {
    in_ = std::make_unique_for_overwrite<char[]>(kArrivalBytes);
    out_ = std::make_unique_for_overwrite<char[]>(kDepartureBytes);
  }
  open_ = true;
}

char* Batch::room() const {
  bool more = arrivals_count_ < kStreams && in_bytes_ + kLongestIn <= kArrivalBytes;
  return more ? in_.get() + in_bytes_ : nullptr;
}

void Batch::arrived(TcpStream& stream, size_t octets) {
  arrivals_[arrivals_count_++] = &stream;
  in_bytes_ += whole_lines(octets);
}

void Batch::settle() {
  for (int i = 0; i < arrivals_count_; i++) arrivals_[i]->keep_arrival();
  arrivals_count_ = 0;
  in_bytes_ = 0;
}

size_t Batch::take(TcpStream& stream, const iovec* parts, int count) {
  size_t size = total_of(parts, count);
  if (size > kLongestOut || out_bytes_ + size > kDepartureBytes) return 0;
  char* at = out_.get() + out_bytes_;
  if (stream.departure_ == 0) {
    if (departures_count_ == kStreams) return 0;
    departures_[departures_count_++] = {&stream, {at, 0}};
    stream.departure_ = static_cast<uint8_t>(departures_count_);
  } else if (stream.departure_ != departures_count_) {
    return 0;  // only the newest can grow
  }
  Departure& departure = departures_[departures_count_ - 1];
  at = const_cast<char*>(departure.octets.data()) + departure.octets.size();
  for (int i = 0; i < count; i++) {
    if (parts[i].iov_len == 0) continue;
    std::memcpy(at, parts[i].iov_base, parts[i].iov_len);
    at += parts[i].iov_len;
  }
  departure.octets = {departure.octets.data(), departure.octets.size() + size};
  out_bytes_ = whole_lines(static_cast<size_t>(at - out_.get()));
  return size;
}

void Batch::send(TcpStream& stream) {
  if (stream.departure_ == 0) return;
  Departure& departure = departures_[stream.departure_ - 1];
  departure.stream = nullptr;
  stream.depart(departure.octets);
}

// A stream that breaks wakes whoever uses it, who may well send something else: at once, as the
// batch is not open any more.
void Batch::close() {
  open_ = false;
  settle();
  ReadBuffer::of_thread().recall_lent();
  for (int i = 0; i < departures_count_; i++) {
    Departure& departure = departures_[i];
    if (departure.stream == nullptr) continue;
    TcpStream& stream = *std::exchange(departure.stream, nullptr);
    stream.depart(departure.octets);
    if (stream.broken()) stream.wake();
  }
  departures_count_ = 0;
  out_bytes_ = 0;
}

}  // namespace pylon::net
