// MemoryStream: one end of a connection in memory, for tests: what one end writes the other reads.
//
// Each direction holds at most `room` octets, so that backpressure can be seen. Wakers are woken by
// pump(), not from within calls, as a loop would do it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "net/stream.h"

namespace pylon::net {

class MemoryStream final : public Stream {
 public:
  struct Pipe {
    std::string octets;
    size_t room = 1 << 20;
    bool ended = false;
    bool reset = false;
  };

  // Two connected ends.
  static std::pair<std::unique_ptr<MemoryStream>, std::unique_ptr<MemoryStream>> pair(
      size_t room = 1 << 20);

  Io read(char* into, size_t size) override;
  Io write(const iovec* parts, int count) override;
  using Stream::write;
  void shutdown_write() override;
  void close(bool reset) override;
  bool stirred(bool thorough) override;

  // Sees what the other end did since, and wakes the waker if it did anything. True if so.
  bool pump();
  bool closed() const { return closed_; }

 private:
  MemoryStream(std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out)
      : in_(std::move(in)), out_(std::move(out)) {}
  bool readable() const;

  std::shared_ptr<Pipe> in_;
  std::shared_ptr<Pipe> out_;
  bool closed_ = false;
};

}  // namespace pylon::net
