#include "tls/client_hello.h"

#include <algorithm>

#include "base/octet_reader.h"
#include "base/strings.h"

namespace pylon::tls {
namespace {

using State = ClientHello::State;

constexpr uint8_t kHandshakeRecord = 22;
constexpr uint8_t kClientHelloMessage = 1;
constexpr size_t kRecordHead = 5;
constexpr size_t kMessageHead = 4;
constexpr uint16_t kServerName = 0;
constexpr size_t kMaxName = 255;

// The handshake message's octets that have come, records taken off. False: this is no TLS.
bool gather(std::string_view octets, std::string& message) {
  while (!octets.empty()) {
    const auto* at = reinterpret_cast<const uint8_t*>(octets.data());
    if (at[0] != kHandshakeRecord) return false;
    if (octets.size() > 1 && at[1] != 3) return false;
    if (octets.size() < kRecordHead) return true;
    size_t length = static_cast<size_t>(at[3] << 8 | at[4]);
    if (length == 0 || length > ClientHello::kMaxBytes) return false;
    message += octets.substr(kRecordHead, length);
    size_t wanted = kMessageHead;
    if (message.size() >= kMessageHead) {
      OctetReader head(std::string_view(message).substr(1));
      wanted += head.number(3);
    }
    if (message.size() >= wanted) return true;  // what follows is no part of it
    octets.remove_prefix(std::min(octets.size(), kRecordHead + length));
  }
  return true;
}

// No dots at the ends, no octets that could not stand in a host name.
bool is_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxName) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_';
  });
}

ClientHello read_name(std::string_view list) {
  constexpr size_t kHostName = 0;
  OctetReader names(list);
  OctetReader entries(names.vector(2));
  ClientHello hello{State::complete, {}};
  while (!entries.empty()) {
    size_t type = entries.number(1);
    std::string_view name = entries.vector(2);
    if (entries.failed()) return {State::other, {}};
    if (type != kHostName) continue;
    hello.name = to_lower(name);
    if (hello.name.ends_with('.')) hello.name.pop_back();
    if (!hello.name.empty() && !is_name(hello.name)) return {State::other, {}};
    return hello;
  }
  if (names.failed()) return {State::other, {}};
  return hello;
}

ClientHello read_body(std::string_view body) {
  OctetReader reader(body);
  reader.take(2 + 32);  // version, random
  reader.vector(1);     // session id
  reader.vector(2);     // ciphers
  reader.vector(1);     // compression
  if (reader.failed()) return {State::other, {}};
  if (reader.empty()) return {State::complete, {}};
  OctetReader extensions(reader.vector(2));
  if (reader.failed()) return {State::other, {}};
  while (!extensions.empty()) {
    size_t type = extensions.number(2);
    std::string_view data = extensions.vector(2);
    if (extensions.failed()) return {State::other, {}};
    if (type == kServerName) return read_name(data);
  }
  return {State::complete, {}};
}

}  // namespace

ClientHello read_client_hello(std::string_view octets) {
  std::string message;
  if (!gather(octets, message)) return {State::other, {}};
  if (!message.empty() && static_cast<uint8_t>(message[0]) != kClientHelloMessage) {
    return {State::other, {}};
  }
  if (message.size() < kMessageHead) return {State::incomplete, {}};
  OctetReader head(std::string_view(message).substr(1));
  size_t length = head.number(3);
  if (length > ClientHello::kMaxBytes) return {State::other, {}};
  if (message.size() < kMessageHead + length) return {State::incomplete, {}};
  return read_body(std::string_view(message).substr(kMessageHead, length));
}

}  // namespace pylon::tls
