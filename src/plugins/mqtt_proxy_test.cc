#include <gtest/gtest.h>

#include "plugin/chain.h"
#include "plugin/connection.h"
#include "plugin/fixture.h"
#include "plugins/all.h"
#include "plugins/mqtt_connect.h"

namespace pylon::plugins {
namespace {

using namespace plugin;
using State = MqttConnect::State;

std::string text(std::string_view octets) {
  return std::string{static_cast<char>(octets.size() >> 8), static_cast<char>(octets.size())}
      .append(octets);
}

std::string packet(const std::string& content) {
  std::string length;
  for (size_t left = content.size();;) {
    auto low = static_cast<uint8_t>(left & 0x7f);
    left >>= 7;
    length += static_cast<char>(left > 0 ? low | 0x80 : low);
    if (left == 0) break;
  }
  return "\x10" + length + content;
}

std::string connect(std::string_view name, char level, std::string_view id) {
  std::string content = text(name) + level + "\x02" + std::string("\x00\x3c", 2);
  if (level == 5) content += std::string("\x05\x11\x00\x00\x00\x0a", 6);
  return packet(content + text(id));
}

TEST(MqttConnect, AllVersionsAreRead) {
  for (auto [name, level] : {std::pair{"MQIsdp", 3}, {"MQTT", 4}, {"MQTT", 5}}) {
    MqttConnect read = read_mqtt_connect(connect(name, static_cast<char>(level), "foo"));
    EXPECT_EQ(read.state, State::complete) << read.reason;
    EXPECT_EQ(read.protocol_level, level);
    EXPECT_EQ(read_mqtt_connect(connect(name, static_cast<char>(level), "")).state,
              State::complete);
  }
  std::string whole = connect("MQTT", 5, "client-7") + "what follows";
  MqttConnect read = read_mqtt_connect(whole);
  EXPECT_EQ(read.protocol_name, "MQTT");
  EXPECT_EQ(read.client_id, "client-7");
}

TEST(MqttConnect, EveryPrefixIsIncomplete) {
  std::string whole = connect("MQTT", 5, std::string(200, 'x'));
  for (size_t size = 0; size < whole.size(); size++) {
    EXPECT_EQ(read_mqtt_connect(whole.substr(0, size)).state, State::incomplete) << size;
  }
}

TEST(MqttConnect, WhatStandsBehindTheIdIsNotWaitedFor) {
  std::string content = text("MQTT") + "\x04\x06" + std::string("\0\x3c", 2) + text("foo");
  size_t id_end = content.size();
  std::string whole = packet(content + text("topic") + text(std::string(60'000, 'w')));
  size_t head = whole.size() - content.size() - 7 - 60'002;
  for (size_t size = 0; size < head + id_end; size++) {
    EXPECT_EQ(read_mqtt_connect(whole.substr(0, size)).state, State::incomplete) << size;
  }
  whole.resize(head + id_end);
  MqttConnect read = read_mqtt_connect(whole);
  EXPECT_EQ(read.state, State::complete);
  EXPECT_EQ(read.client_id, "foo");
}

TEST(MqttConnect, HostilePacketsAreMalformed) {
  std::string not_connect = connect("MQTT", 4, "x");
  not_connect[0] = '\x30';
  std::string flags = connect("MQTT", 4, "x");
  flags[0] = '\x1f';
  std::string long_id = packet(text("MQTT") + "\x04\x02" + std::string("\0\x3c\xff\xff", 4) + "x");
  std::string long_properties = packet(text("MQTT") + "\x05\x02" + std::string("\0\x3c\x7f", 3));
  std::string long_name = packet(std::string("\xff\xff", 2) + "MQTT");
  std::string reserved = connect("MQTT", 4, "x");
  reserved[9] = '\x03';
  for (const std::string& hostile :
       {not_connect, flags, reserved, long_id, long_properties, long_name, packet(""),
        std::string("\x10\xff\xff\xff\xff\x01"), std::string("GET / HTTP/1.1\r\n\r\n")}) {
    EXPECT_EQ(read_mqtt_connect(hostile).state, State::malformed);
  }
}

class MqttProxyTest : public testing::Test {
 protected:
  MqttProxyTest() : set_(fixture_.plugins(R"({"mqtt-proxy":{"protocol_level":4}})")) {}

  Verdict preread(const std::string& octets) {
    SharedChain shared({set_});
    ActiveChain chain(shared.chain(), exchange_);
    Connection connection{exchange_, octets};
    size_t at = 0;
    return chain.preread(connection, at);
  }

  Fixture fixture_{all_plugins()};
  Ref<const PluginSet> set_;
  Arena arena_;
  Exchange exchange_{arena_};
};

TEST_F(MqttProxyTest, TellsTheClientId) {
  EXPECT_TRUE(preread(connect("MQTT", 4, "foo")).proceeds());
  EXPECT_EQ(exchange_.mqtt_client_id, "foo");
}

TEST_F(MqttProxyTest, WaitsForTheWholePacket) {
  EXPECT_TRUE(preread("").waits());
  EXPECT_TRUE(preread(connect("MQTT", 4, "foo").substr(0, 8)).waits());
}

TEST_F(MqttProxyTest, RefusesOtherProtocols) {
  EXPECT_EQ(preread(connect("MQTT", 5, "foo")).status(), 503);
  EXPECT_EQ(preread(connect("MQIsdp", 4, "foo")).status(), 503);
  EXPECT_EQ(preread("SSH-2.0-x\r\n").status(), 503);
}

}  // namespace
}  // namespace pylon::plugins
