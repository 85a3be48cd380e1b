#include "observe/log.h"
#include "plugin/plugin.h"
#include "plugins/mqtt_connect.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using observe::Level;
using schema::field;

class MqttProxy {
 public:
  struct Config {
    std::string protocol_name = "MQTT";
    int protocol_level = 0;

    static constexpr auto fields = std::tuple{
        field("protocol_name", &Config::protocol_name,
              "The protocol's name in the CONNECT packet: MQTT, or MQIsdp for version 3.1."),
        field("protocol_level", &Config::protocol_level,
              "The protocol's level: 3 for version 3.1, 4 for 3.1.1, 5 for 5.0.")
            .required()};
  };

  static constexpr PluginSpec spec{
      .name = "mqtt-proxy",
      .priority = 1000,
      .doc =
          "Reads the CONNECT packet of MQTT, so that clients can be spread by their id "
          "(chash by mqtt_client_id)."};

  explicit MqttProxy(Config config) : config_(std::move(config)) {}

  Verdict preread(Connection& connection) const {
    MqttConnect connect = read_mqtt_connect(connection.octets);
    switch (connect.state) {
      case MqttConnect::State::incomplete:
        return wait_for_octets();
      case MqttConnect::State::malformed:
        return refuse(connection, connect.reason);
      case MqttConnect::State::complete:
        break;
    }
    if (connect.protocol_name != config_.protocol_name) {
      return refuse(connection, "another protocol name than the route expects");
    }
    if (connect.protocol_level != config_.protocol_level) {
      return refuse(connection, "another protocol level than the route expects");
    }
    // Without an id the client's address stands in.
    connection.exchange.mqtt_client_id = connection.exchange.arena.copy(connect.client_id);
    return proceed();
  }

 private:
  static Verdict refuse(const Connection& connection, const char* reason) {
    observe::log(Level::error, "client {}: mqtt-proxy: {}", connection.exchange.client.text,
                 reason);
    return finish(503);
  }

  Config config_;
};

}  // namespace

PluginType mqtt_proxy() { return type_of<MqttProxy>(); }

}  // namespace pylon::plugins
