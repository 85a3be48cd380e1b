// The CONNECT packet that an MQTT client begins with: 3.1, 3.1.1 and 5.0.
//
// Strict about what brokers may read differently: a packet type other than CONNECT, a length of
// more than four octets, fields that reach over the packet's end. Pure; for any thread. Source:
// MQTT 5.0 and 3.1.1 (OASIS), section 3.1; lengths 1.5.5.
#pragma once

#include <cstdint>
#include <string_view>

namespace pylon::plugins {

struct MqttConnect {
  enum class State : uint8_t { complete, incomplete, malformed };

  State state = State::incomplete;
  const char* reason = "";  // malformed: for the error log
  // Views into the input.
  std::string_view protocol_name;  // "MQTT"; "MQIsdp" of 3.1
  int protocol_level = 0;          // 3: 3.1, 4: 3.1.1, 5: 5.0
  std::string_view client_id;      // empty: the broker gives it one
};

// `octets`: from the connection's first one on. Complete as soon as the client id is there: will,
// name and password behind it, and what follows the packet, are not looked at.
MqttConnect read_mqtt_connect(std::string_view octets);

}  // namespace pylon::plugins
