#include "net/proxy_header.h"

#include <algorithm>
#include <cstdio>
#include <optional>

namespace pylon::net {
namespace {

using State = ProxyHeader::State;

constexpr std::string_view kText = "PROXY ";
constexpr std::string_view kBinary("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kBinaryHead = 16;

ProxyHeader malformed(const char* reason) {
  ProxyHeader header;
  header.state = State::malformed;
  header.reason = reason;
  return header;
}

bool may_become(std::string_view octets, std::string_view start) {
  size_t size = std::min(octets.size(), start.size());
  return octets.substr(0, size) == start.substr(0, size);
}

// Up to the next space, which is taken too.
std::string_view next_word(std::string_view& line) {
  size_t space = line.find(' ');
  std::string_view word = line.substr(0, space);
  line.remove_prefix(space == line.npos ? line.size() : space + 1);
  return word;
}

// Decimal without leading zeros.
std::optional<uint16_t> port_in(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] == '0' && text.size() > 1)) return std::nullopt;
  uint32_t port = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    port = port * 10 + static_cast<uint32_t>(c - '0');
  }
  if (port > 65535) return std::nullopt;
  return static_cast<uint16_t>(port);
}

ProxyHeader read_text(std::string_view octets) {
  std::string_view window = octets.substr(0, ProxyHeader::kMaxLine);
  size_t end = window.find("\r\n");
  if (end == window.npos) {
    if (octets.size() < ProxyHeader::kMaxLine) return {};
    return malformed("a line of version 1 is too long");
  }
  ProxyHeader header;
  header.state = State::complete;
  header.bytes = end + 2;
  std::string_view line = window.substr(kText.size(), end - kText.size());
  std::string_view family = next_word(line);
  if (family == "UNKNOWN") {
    header.unknown = true;
    return header;
  }
  bool v4 = family == "TCP4";
  if (!v4 && family != "TCP6") return malformed("version 1 with another protocol than TCP");
  std::optional<IpAddress> client = IpAddress::parse(next_word(line));
  std::optional<IpAddress> server = IpAddress::parse(next_word(line));
  std::optional<uint16_t> client_port = port_in(next_word(line));
  std::optional<uint16_t> server_port = port_in(line);
  bool sound = client && server && client_port && server_port && client->is_v4() == v4 &&
               server->is_v4() == v4;
  if (!sound) return malformed("version 1 with a wrong address or port");
  header.client = client->unmapped();
  header.server = server->unmapped();
  header.client_port = *client_port;
  header.server_port = *server_port;
  return header;
}

uint16_t number_at(const uint8_t* at) { return static_cast<uint16_t>(at[0] << 8 | at[1]); }

// The addresses of version 2, behind its head. False: too short for them.
bool read_ends(std::string_view octets, uint8_t family, ProxyHeader& header) {
  const auto* at = reinterpret_cast<const uint8_t*>(octets.data());
  constexpr uint8_t kTcp4 = 0x11, kTcp6 = 0x21;
  if (family == kTcp4) {
    if (octets.size() < 12) return false;
    header.client = IpAddress::v4_bytes(at);
    header.server = IpAddress::v4_bytes(at + 4);
    header.client_port = number_at(at + 8);
    header.server_port = number_at(at + 10);
  } else if (family == kTcp6) {
    if (octets.size() < 36) return false;
    header.client = IpAddress::v6_bytes(at).unmapped();
    header.server = IpAddress::v6_bytes(at + 16).unmapped();
    header.client_port = number_at(at + 32);
    header.server_port = number_at(at + 34);
  } else {
    header.unknown = true;
  }
  return true;
}

ProxyHeader read_binary(std::string_view octets) {
  if (octets.size() < kBinaryHead) return {};
  const auto* at = reinterpret_cast<const uint8_t*>(octets.data());
  uint8_t version = at[12] >> 4, command = at[12] & 0xf;
  uint8_t family = at[13];
  size_t rest = number_at(at + 14);
  if (version != 2) return malformed("the version is neither 1 nor 2");
  if (command > 1) return malformed("version 2 with an unknown command");
  if (family >> 4 > 3 || (family & 0xf) > 2) return malformed("version 2 with an unknown family");
  if (kBinaryHead + rest > ProxyHeader::kMaxBytes) return malformed("version 2 is too long");
  if (octets.size() < kBinaryHead + rest) return {};
  ProxyHeader header;
  header.state = State::complete;
  header.bytes = kBinaryHead + rest;
  header.unknown = command == 0;
  if (header.unknown) return header;
  if (!read_ends(octets.substr(kBinaryHead, rest), family, header)) {
    return malformed("version 2 is too short for its addresses");
  }
  return header;
}

}  // namespace

ProxyHeader read_proxy_header(std::string_view octets) {
  if (octets.empty()) return {};
  if (octets.starts_with(kText)) return read_text(octets);
  if (octets.starts_with(kBinary)) return read_binary(octets);
  if (may_become(octets, kText) || may_become(octets, kBinary)) return {};
  return malformed("no PROXY header");
}

std::string_view write_proxy_header(const IpAddress& client, uint16_t client_port,
                                    const IpAddress& server, uint16_t server_port,
                                    char (&line)[ProxyHeader::kMaxLine + 1]) {
  if (client.family() != server.family()) return "PROXY UNKNOWN\r\n";
  char from[IpAddress::kMaxText], to[IpAddress::kMaxText];
  std::string_view client_text = client.to_text(from), server_text = server.to_text(to);
  int size = std::snprintf(line, sizeof line, "PROXY TCP%c %.*s %.*s %u %u\r\n",
                           client.is_v4() ? '4' : '6', static_cast<int>(client_text.size()),
                           client_text.data(), static_cast<int>(server_text.size()),
                           server_text.data(), unsigned{client_port}, unsigned{server_port});
  return {line, static_cast<size_t>(size)};
}

}  // namespace pylon::net
