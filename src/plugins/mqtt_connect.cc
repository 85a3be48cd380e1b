#include "plugins/mqtt_connect.h"

#include "base/octet_reader.h"

namespace pylon::plugins {
namespace {

using State = MqttConnect::State;

MqttConnect incomplete() { return {}; }

MqttConnect malformed(const char* reason) {
  MqttConnect connect;
  connect.state = State::malformed;
  connect.reason = reason;
  return connect;
}

// Seven bits an octet, the lowest first, at most four octets. `too_long`: a fifth would follow.
size_t read_length(OctetReader& reader, bool& too_long) {
  size_t value = 0;
  for (int shift = 0; shift < 28; shift += 7) {
    size_t next = reader.number(1);
    value |= (next & 0x7f) << shift;
    if ((next & 0x80) == 0) return value;
  }
  too_long = true;
  return value;
}

}  // namespace

MqttConnect read_mqtt_connect(std::string_view octets) {
  constexpr size_t kConnect = 0x10;
  constexpr size_t kReserved = 1;  // flags, MQTT 3.1.1 section 3.1.2.3
  constexpr int kWithProperties = 5;
  OctetReader start(octets);
  size_t type = start.number(1);
  if (start.failed()) return incomplete();
  if (type != kConnect) return malformed("the first packet is no CONNECT");
  bool too_long = false;
  size_t length = read_length(start, too_long);
  if (too_long) return malformed("the packet's length has more than four octets");
  if (start.failed()) return incomplete();
  // A will or a password behind the id may be longer than what can be looked at: nobody waits for
  // them.
  bool whole = start.rest().size() >= length;
  OctetReader fields(start.rest().substr(0, length));
  auto cut = [whole](const char* reason) { return whole ? malformed(reason) : incomplete(); };

  MqttConnect connect;
  connect.protocol_name = fields.vector(2);
  connect.protocol_level = static_cast<int>(fields.number(1));
  size_t flags = fields.number(1);
  fields.take(2);  // keep alive
  if (fields.failed()) return cut("the CONNECT packet is too short");
  if ((flags & kReserved) != 0) return malformed("the reserved flag is set");
  if (connect.protocol_level == kWithProperties) {
    fields.take(read_length(fields, too_long));
    if (too_long) return malformed("the properties' length has more than four octets");
    if (fields.failed()) return cut("the properties end behind the packet");
  }
  connect.client_id = fields.vector(2);
  if (fields.failed()) return cut("the client id ends behind the packet");
  connect.state = State::complete;
  return connect;
}

}  // namespace pylon::plugins
