#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>

#include "plugins/mqtt_connect.h"

// What is read lies in the input, and a complete packet stays so whatever follows it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  pylon::plugins::MqttConnect connect = pylon::plugins::read_mqtt_connect(input);
  if (connect.state != pylon::plugins::MqttConnect::State::complete) return 0;
  std::less<const char*> before;
  for (std::string_view part : {connect.protocol_name, connect.client_id}) {
    bool starts_before = before(part.data(), input.data());
    if (starts_before || before(input.data() + size, part.data() + part.size())) abort();
  }
  std::string longer = std::string(input) + "more";
  if (pylon::plugins::read_mqtt_connect(longer).state != connect.state) abort();
  return 0;
}
