// LogCourier: takes what plugins log to where it is kept, by TCP, TLS or UDP. One per worker.
//
// Messages for one destination wait until they are a batch, and leave together. Nobody waits for
// it: what there is no room for is dropped and counted, and a destination that cannot be reached is
// in the error log.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace pylon::plugin {

// Made on the control thread, immutable.
struct LogDestination {
  enum class Transport : uint8_t { tcp, tls, udp };

  std::string name;  // of who logs, for the error log
  std::string host;  // name or address
  uint16_t port = 0;
  Transport transport = Transport::tcp;
  int64_t timeout_ms = 3'000;  // of connecting, and of sending a batch

  // A batch is sent when it has so many messages or octets, when no message came for `quiet_ms`,
  // or when its first has waited for `longest_ms`.
  size_t batch_messages = 1'000;
  size_t batch_octets = 4'096;
  int64_t quiet_ms = 5'000;
  int64_t longest_ms = 60'000;
  int retries = 0;  // of a batch that could not be sent; then it is lost
  int64_t retry_delay_ms = 1'000;
  size_t most_octets = 1 << 20;  // that wait
};

class LogCourier {
 public:
  // One whole message. By UDP it is a datagram of its own.
  virtual void send(const std::shared_ptr<const LogDestination>& to, std::string_view message) = 0;

 protected:
  ~LogCourier() = default;
};

}  // namespace pylon::plugin
