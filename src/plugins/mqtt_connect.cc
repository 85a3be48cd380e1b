#include "plugins/mqtt_connect.h"

#include <optional>

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

// Takes fields from the front. Nothing: the input ends before the field does.
class Reader {
 public:
  explicit Reader(std::string_view octets) : rest_(octets) {}

  std::optional<uint8_t> octet() {
    if (rest_.empty()) return std::nullopt;
    auto value = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::optional<std::string_view> take(size_t count) {
    if (rest_.size() < count) return std::nullopt;
    std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  std::optional<std::string_view> text() {
    auto high = octet(), low = octet();
    if (!high || !low) return std::nullopt;
    return take(static_cast<size_t>(*high << 8 | *low));
  }
  // Seven bits an octet, the lowest first, at most four octets. `too_long`: a fifth would follow.
  std::optional<size_t> length(bool& too_long) {
    size_t value = 0;
    for (int shift = 0; shift < 28; shift += 7) {
      auto next = octet();
      if (!next) return std::nullopt;
      value |= static_cast<size_t>(*next & 0x7f) << shift;
      if ((*next & 0x80) == 0) return value;
    }
    too_long = true;
    return std::nullopt;
  }

 private:
  std::string_view rest_;
};

}  // namespace

MqttConnect read_mqtt_connect(std::string_view octets) {
  constexpr uint8_t kConnect = 0x10;
  Reader start(octets);
  auto type = start.octet();
  if (!type) return incomplete();
  if (*type != kConnect) return malformed("the first packet is no CONNECT");
  bool too_long = false;
  auto length = start.length(too_long);
  if (too_long) return malformed("the packet's length has more than four octets");
  if (!length) return incomplete();
  auto packet = start.take(*length);
  if (!packet) return incomplete();

  Reader fields(*packet);
  MqttConnect connect;
  auto name = fields.text();
  auto level = fields.octet();
  auto flags_and_keep_alive = fields.take(3);
  if (!name || !level || !flags_and_keep_alive) return malformed("the CONNECT packet is too short");
  constexpr int kWithProperties = 5;
  if (*level == kWithProperties) {
    auto properties = fields.length(too_long);
    if (!properties || !fields.take(*properties)) return malformed("properties end too late");
  }
  auto client_id = fields.text();
  if (!client_id) return malformed("the client id ends behind the packet");
  connect.state = State::complete;
  connect.protocol_name = *name;
  connect.protocol_level = *level;
  connect.client_id = *client_id;
  return connect;
}

}  // namespace pylon::plugins
